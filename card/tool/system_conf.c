/*
 * One line in the system's openssl.cnf: see the header.
 */
#define _GNU_SOURCE /* memmem */
#include "card/tool/system_conf.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "card/base/folder.h"
#include "card/tool/registry.h"

#define INCLUDE ".include " REGISTRY_SYSTEM "/" REGISTRY_CONF "\n"
/* The empty line ends whatever stood last. */
#define BLOCK                                                                  \
    "\n# By tessera activate --system; tessera deactivate removes it.\n" INCLUDE

enum { CONF_BYTES_MAX = 1 << 20 };

void system_conf_path(char *out, size_t cap)
{
    const char *folder = OPENSSL_info(OPENSSL_INFO_CONFIG_DIR);

    snprintf(out, cap, "%s/openssl.cnf", folder != NULL ? folder : "");
}

/* Split a whole path into s->path and s->name. */
static bool take_path(struct system_conf *s, const char *whole)
{
    const char *slash = strrchr(whole, '/');

    return slash != NULL && slash != whole &&
           (size_t)snprintf(s->path, sizeof(s->path), "%.*s",
                            (int)(slash - whole), whole) < sizeof(s->path) &&
           (size_t)snprintf(s->name, sizeof(s->name), "%s%s", slash + 1,
                            SYSTEM_CONF_BACKUP) < sizeof(s->name) &&
           (size_t)snprintf(s->name, sizeof(s->name), "%s", slash + 1) > 0;
}

static bool read_conf(struct system_conf *s)
{
    struct stat st;

    if (fstatat(s->folder, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        !folder_read(s->folder, s->name, CONF_BYTES_MAX, &s->content))
        return false;
    s->mode = st.st_mode & 0777;
    return true;
}

bool system_conf_open(struct tool *t, struct system_conf *s)
{
    char path[4096], *whole;
    bool ok;

    memset(s, 0, sizeof(*s));
    s->t = t;
    s->folder = -1;
    system_conf_path(path, sizeof(path));
    whole = realpath(path, NULL);
    ok = whole != NULL && take_path(s, whole) &&
         (s->folder = folder_open(s->path, S_IWGRP | S_IWOTH)) >= 0 &&
         read_conf(s);
    free(whole);
    if (ok) {
        write_clean(s->folder);
        return true;
    }
    tool_error(t, _("%s is missing, or others than root may write it or its "
                    "folder: it is not touched"), path);
    system_conf_close(s);
    return false;
}

void system_conf_close(struct system_conf *s)
{
    if (s->folder >= 0)
        close(s->folder);
    s->folder = -1;
    buf_free(&s->content);
}

static const uint8_t *find(const struct system_conf *s, const char *text)
{
    return memmem(s->content.data, s->content.len, text, strlen(text));
}

bool system_conf_has(const struct system_conf *s)
{
    return find(s, "\n" INCLUDE) != NULL ||
           bytes_start_with(buf_view(&s->content), bytes_of_string(INCLUDE));
}

static void backup_name(const struct system_conf *s, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s", s->name, SYSTEM_CONF_BACKUP);
}

bool system_conf_add(struct system_conf *s, struct write_batch *b)
{
    char backup[WRITE_NAME_MAX + sizeof(SYSTEM_CONF_BACKUP)];
    struct buf longer;
    bool ok;

    if (system_conf_has(s))
        return true;
    if (buf_new(&longer, s->content.len + strlen(BLOCK)) < 0) {
        tool_error(s->t, _("out of memory"));
        return false;
    }
    buf_put(&longer, buf_view(&s->content));
    buf_put(&longer, bytes_of_string(BLOCK));
    backup_name(s, backup, sizeof(backup));
    ok = write_add(b, s->folder, s->path, backup, s->mode,
                   buf_view(&s->content)) &&
         write_add(b, s->folder, s->path, s->name, s->mode,
                   buf_view(&longer));
    buf_free(&longer);
    return ok;
}

static bool write_back(struct system_conf *s)
{
    struct write_batch *b = write_begin(s->t);
    bool ok;

    ok = b != NULL &&
         write_add(b, s->folder, s->path, s->name, s->mode,
                   buf_view(&s->content)) &&
         write_commit(b);
    write_end(b);
    return ok;
}

static void remove_backup(const struct system_conf *s)
{
    char name[WRITE_NAME_MAX + sizeof(SYSTEM_CONF_BACKUP)];
    struct buf backup;

    backup_name(s, name, sizeof(name));
    if (!folder_read(s->folder, name, CONF_BYTES_MAX, &backup))
        return;
    if (bytes_equal(buf_view(&backup), buf_view(&s->content)))
        unlinkat(s->folder, name, 0);
    else
        tool_say(s->t, _("%s/%s is left: %s was changed since"), s->path, name,
                 s->name);
    buf_free(&backup);
}

bool system_conf_remove(struct system_conf *s)
{
    const uint8_t *block = find(s, BLOCK);
    size_t start, len = strlen(BLOCK);

    if (block == NULL)
        return true;
    start = (size_t)(block - s->content.data);
    memmove(s->content.data + start, block + len,
            s->content.len - start - len);
    s->content.len -= len;
    if (!write_back(s))
        return false;
    remove_backup(s);
    return true;
}
