# Apache httpd for stories, sourced after keys.sh:
#
#   apache_config FILE   a configuration that includes the file
#   apache_start PORT    in the background; its pid is the last of "started"
#   apache_stop
#
# shellcheck shell=bash

apache_config()
{
    local modules=/usr/lib/apache2/modules name

    mkdir -p "$work/www"
    echo welcome >"$work/www/index.html"
    chmod 755 "$work/www"
    {
        echo "ServerRoot $work"
        echo "ServerName localhost"
        for name in mpm_event authz_core dir ssl proxy proxy_http; do
            echo "LoadModule ${name}_module $modules/mod_$name.so"
        done
        echo "User www-data"
        echo "Group www-data"
        echo "PidFile $work/apache.pid"
        echo "DefaultRuntimeDir $work"
        echo "ErrorLog $work/apache.log"
        echo 'LogLevel info'
        echo 'StartServers 2'
        echo 'ThreadsPerChild 8'
        echo 'MaxRequestWorkers 32'
        echo "Mutex file:$work default"
        echo "Include $1"
    } >"$work/apache.conf"
}

apache_start()
{
    (
        exec env ${TESSERA_PRELOAD:+"LD_PRELOAD=$TESSERA_PRELOAD"} \
            apache2 -D FOREGROUND -f "$work/apache.conf"
    ) &
    started+=($!)
    wait_for_port "$1"
}
