/*
 * The log: where it goes, and how a line gets there. Nothing of a PIN ever
 * comes here.
 */
#define _GNU_SOURCE /* O_NOFOLLOW */
#include "provider/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    LOG_LINE_MAX = 1024,
    LEVEL_INFO = 6 /* of syslog and libp11: more than warnings and notices */
};

/* The value of "file:" in PKCS11_PROVIDER_DEBUG=file:PATH,level:N. */
static void take_debug_file(const char *options, char *path, size_t cap)
{
    static const char prefix[] = "file:";
    size_t skip = sizeof(prefix) - 1;

    snprintf(path, cap, "stderr");
    while (*options != '\0') {
        size_t len = strcspn(options, ",");

        if (len > skip && strncmp(options, prefix, skip) == 0)
            snprintf(path, cap, "%.*s", (int)(len - skip), options + skip);
        options += len;
        options += *options == ',';
    }
}

static bool is_talkative(const char *level)
{
    return level != NULL && strtol(level, NULL, 10) >= LEVEL_INFO;
}

/*
 * Our own key and variable, then what pkcs11-provider and libp11 have for it;
 * "" when there is no log. There is one level: all of it.
 */
static void find_log(const struct prov_ctx *ctx, char *path, size_t cap)
{
    const char *value = config_value(ctx, "log");
    const char *level = config_value(ctx, "debug_level");

    path[0] = '\0';
    if (value == NULL)
        value = config_environment("TESSERA_LOG");
    if (level == NULL)
        level = config_environment("PKCS11_DEBUG_LEVEL");
    if (value != NULL)
        snprintf(path, cap, "%s", value);
    else if ((value = config_environment("PKCS11_PROVIDER_DEBUG")) != NULL)
        take_debug_file(value, path, cap);
    else if (is_talkative(level))
        snprintf(path, cap, "stderr");
}

/* The open file that a name stands for; -1: it is a path. */
static int standard_file(const char *path)
{
    if (strcmp(path, "stderr") == 0 || strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    return strcmp(path, "/dev/stdout") == 0 ? STDOUT_FILENO : -1;
}

int config_open_log(const struct prov_ctx *ctx, struct prov_config *config)
{
    char path[PATH_MAX];

    find_log(ctx, path, sizeof(path));
    if (path[0] == '\0')
        return 0;
    if ((config->log_fd = standard_file(path)) >= 0)
        return 0;
    config->log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW
                                    | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
    if (config->log_fd < 0 && errno == EACCES)
        return 0; /* another user's */
    if (config->log_fd < 0)
        return card_fail(CARD_E_CONFIG, "log of provider %s: %s: %s",
                         ctx->name, path, strerror(errno));
    config->own_log_fd = true;
    return 0;
}

void config_close_log(struct prov_config *config)
{
    if (config->own_log_fd)
        close(config->log_fd);
    config->own_log_fd = false;
    config->log_fd = -1;
}

bool config_has_log(const struct prov_config *config)
{
    return config->log_fd >= 0 || config->vlog != NULL;
}

static void call_vlog(tessera_vlog_fn *vlog, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vlog(LEVEL_INFO, format, args);
    va_end(args);
}

/* One line stays one line, whatever a label on a card holds. */
static void make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7F)
            *text = '?';
}

static void write_line(int fd, const char *message)
{
    char text[LOG_LINE_MAX];
    char when[32];
    struct tm tm;
    time_t now = time(NULL);
    int len;

    if (gmtime_r(&now, &tm) == NULL)
        return;
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    len = snprintf(text, sizeof(text), "%s tessera[%ld]: %s\n", when,
                   (long)getpid(), message);
    if (len > 0 && write(fd, text, (size_t)len) < 0)
        return; /* nobody is left to tell */
}

void config_log(void *config, const char *line)
{
    const struct prov_config *c = config;
    char message[LOG_LINE_MAX - 80]; /* what comes before it has room */

    if (!config_has_log(c))
        return;
    snprintf(message, sizeof(message), "%s", line);
    make_printable(message);
    if (c->vlog != NULL)
        call_vlog(c->vlog, "%s\n", message);
    if (c->log_fd >= 0)
        write_line(c->log_fd, message);
}
