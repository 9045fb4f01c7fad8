<?php
for ($number = 0; ; $number++) {
    echo $number, "\n";
    @ob_flush();
    flush();
    usleep(5000);
}
