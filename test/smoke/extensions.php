<?php
// php loads its extensions with RTLD_DEEPBIND: two of them, which exchange blocks with the C library and libxml.
foreach (["dom", "simplexml", "xml"] as $extension) {
    if (!extension_loaded($extension)) {
        exit("no $extension\n");
    }
}
$document = new DOMDocument();
$document->loadXML("<root><first kind='1'>text</first></root>");
for ($i = 0; $i < 2000; $i++) {
    $document->documentElement->appendChild($document->createElement("node$i", str_repeat("y", $i)));
}
$text = $document->saveXML();
echo strlen($text), " ", count(simplexml_load_string($text)->children()), "\n";
$elements = 0;
$parser = xml_parser_create();
xml_set_element_handler($parser, function () use (&$elements) { $elements++; }, function () {});
xml_parse($parser, $text, true);
xml_parser_free($parser);
echo $elements, " ", md5($text), "\n";
