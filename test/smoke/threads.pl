# SPDX-License-Identifier: MIT
# Threads (each a copy of the interpreter) that build and drop hashes of strings; prints how many words they kept.
use strict;
use warnings;
use threads;

sub work {
    my ($seed) = @_;
    my %words;
    for my $turn (1 .. 60_000) {
        my $word = join '-', map { chr(97 + ($seed + $turn * $_) % 26) } 1 .. $turn % 12 + 1;
        $words{$word} .= $turn;
        delete $words{$word} if length $words{$word} > 40;
    }
    return scalar keys %words;
}

my $expected = 0;
$expected += work($_) for 1 .. 4;
my $found = 0;
$found += $_->join for map { threads->create(\&work, $_) } 1 .. 4;
print $found == $expected ? "equal\n" : "expected $expected, found $found\n";
