/*
 * The system's openssl.cnf, and the line in it that includes ours.
 */
#ifndef CARD_TOOL_SYSTEM_CONF_H
#define CARD_TOOL_SYSTEM_CONF_H

#include "card/tool/tool.h"
#include "card/tool/write_file.h"

#define SYSTEM_CONF_BACKUP ".tessera-backup" /* behind the file's name */

struct system_conf {
    struct tool *t;
    char path[4096]; /* the folder's, symbolic links resolved */
    int folder;
    char name[WRITE_NAME_MAX];
    mode_t mode; /* it may hold a PIN, and be its owner's alone */
    struct buf content;
};

/* Where OpenSSL looks for it: symbolic links as they are. */
void system_conf_path(char *out, size_t cap);

/* False after a message: it is missing, or others may write it. */
bool system_conf_open(struct tool *t, struct system_conf *s);
void system_conf_close(struct system_conf *s);

/* Whether it includes REGISTRY_SYSTEM's file, by our line or by another. */
bool system_conf_has(const struct system_conf *s);
/* Unless it has: the line behind all else, and a backup, as files of `b`. */
bool system_conf_add(struct system_conf *s, struct write_batch *b);
/*
 * Take our line back, and the backup if it is what then is left. A line that
 * somebody else wrote stays. False after a message.
 */
bool system_conf_remove(struct system_conf *s);

#endif
