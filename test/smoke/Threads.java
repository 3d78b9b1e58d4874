// SPDX-License-Identifier: MIT
// Threads that fill direct buffers (which are malloc'ed), deflate and inflate them; prints how many came back equal.
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

public class Threads {
    static final int THREADS = 4;
    static final int TURNS = 100;

    static boolean roundTrip(int seed) throws Exception {
        byte[] data = new byte[1 + seed * 7919 % 100000];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (i * i + seed);
        }
        ByteBuffer direct = ByteBuffer.allocateDirect(data.length);
        direct.put(data).flip();
        ByteBuffer packed = ByteBuffer.allocateDirect(data.length + 1000);
        Deflater deflater = new Deflater();
        deflater.setInput(direct);
        deflater.finish();
        deflater.deflate(packed);
        deflater.end();
        packed.flip();
        byte[] back = new byte[data.length];
        Inflater inflater = new Inflater();
        inflater.setInput(packed);
        int length = inflater.inflate(back);
        inflater.end();
        return length == data.length && Arrays.equals(data, back);
    }

    public static void main(String[] arguments) throws Exception {
        AtomicInteger equal = new AtomicInteger();
        Thread[] threads = new Thread[THREADS];
        for (int t = 0; t < THREADS; t++) {
            int first = t * TURNS;
            threads[t] = new Thread(() -> {
                for (int turn = 0; turn < TURNS; turn++) {
                    try {
                        if (roundTrip(first + turn)) {
                            equal.incrementAndGet();
                        }
                    } catch (Exception e) {
                        e.printStackTrace();
                    }
                }
            });
            threads[t].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        System.out.println(equal.get());
    }
}
