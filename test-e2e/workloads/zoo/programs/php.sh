#!/bin/sh
# PHP-FPM behind nginx, both as Debian configures them, and nginx with the few lines that turn PHP on. Arguments are for
# PHP-FPM.
cp /zoo/numbers.php /var/www/html/
cat >/etc/nginx/sites-available/default <<'SITE'
server {
  listen 80;
  root /var/www/html;
  location ~ \.php$ {
    include snippets/fastcgi-php.conf;
    fastcgi_pass unix:/run/php/php-fpm.sock;
    fastcgi_buffering off;
  }
}
SITE
mkdir -p /run/php
fpm=$(ls /usr/sbin/php-fpm*)
sed -i 's,^listen = .*,listen = /run/php/php-fpm.sock,' "/etc/php/${fpm#/usr/sbin/php-fpm}/fpm/pool.d/www.conf"
"$fpm" --nodaemonize "$@" &
until [ -S /run/php/php-fpm.sock ]; do sleep 0.05; done
exec nginx -g 'daemon off;'
