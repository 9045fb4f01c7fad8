#!/bin/sh
# nginx as Debian configures it, with a large file of numbered lines to download.
seq -f %063.0f 0 3276799 >/var/www/html/numbers
exec nginx -g 'daemon off;'
