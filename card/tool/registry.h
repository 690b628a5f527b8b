/*
 * What activate registered: a folder of this user's or of this machine, with a
 * list of the files in it and their hashes, so that deactivate takes back
 * exactly that. At every moment the list has all that is there, so whatever
 * was interrupted can be repeated or taken back.
 */
#ifndef CARD_TOOL_REGISTRY_H
#define CARD_TOOL_REGISTRY_H

#include <openssl/bio.h>

#include "card/tool/tool.h"
#include "card/tool/write_file.h"

#define REGISTRY_CONF "openssl.cnf"
#define REGISTRY_SYSTEM "/etc/tessera"
#define REGISTRY_TRUST "/usr/local/share/ca-certificates"

enum {
    REGISTRY_FILES = 160,   /* of one change */
    REGISTRY_ENTRIES = 512, /* of the list */
    REGISTRY_NAME_MAX = 128,
    REGISTRY_HASH_MAX = 65  /* SHA-256 in hex, with the NUL */
};

/*
 * A file by its name: *.crt in REGISTRY_TRUST, all others in the folder. A name
 * may stand twice: as it was and as it is to be.
 */
struct registry_entry {
    char hash[REGISTRY_HASH_MAX];
    char name[REGISTRY_NAME_MAX];
};

struct registry {
    struct tool *t;
    bool system;
    char path[4096];
    int folder;            /* -1: it is not there */
    int trust;             /* of the machine: REGISTRY_TRUST, or -1 */
    size_t made;           /* folders that activate made, this one included */
    size_t count;
    struct registry_entry entries[REGISTRY_ENTRIES];
};

/* Files to be. */
struct registry_files {
    size_t count;
    struct {
        char name[REGISTRY_NAME_MAX];
        BIO *content;
    } files[REGISTRY_FILES];
};

/*
 * Open the user's folder or the machine's, and lock it; `make` makes it, else
 * it may be missing. NULL after a message, with the exit status in *status.
 */
struct registry *registry_open(struct tool *t, bool system, bool make,
                               int *status);
/* Where it is, made or not. False: HOME is not set, or too long. */
bool registry_path(bool system, char *out, size_t cap);
/*
 * Make the folder of a file to be, if that is the user's or the machine's, and
 * no more of what is above it than the user's ~/.config. Who writes the file
 * tells what is missing.
 */
void registry_make_for(const char *file);
/* Whether that is root; else a message. To be asked before a person is. */
bool registry_allows_system(struct tool *t);
/* NULL allowed. Folders that activate made go when nothing is in them. */
void registry_close(struct registry *r);

/*
 * A file to be: append to what is returned. NULL: too many, or no memory,
 * or the name is not registry_safe.
 */
BIO *registry_file(struct registry_files *files, const char *name);
void registry_files_free(struct registry_files *files);
/* openssl.cnf, which activate and setup write alike. False: no memory. */
bool registry_add_conf(const struct registry *r, struct registry_files *files);
/* SHA-256, as sha256sum writes it. */
void registry_hash(struct bytes content, char hash[REGISTRY_HASH_MAX]);
/* Letters, digits, '.', '_', '-', and neither '.' nor '-' at the start. */
bool registry_safe(const char *name);
/* A name "STEM-..." or "tessera-STEM-....crt"; there is no '-' in stems. */
bool registry_of_card(const char *name, const char *stem);
/* Whether something of that card, or of any (NULL), is listed. */
bool registry_has(const struct registry *r, const char *stem);

/* All of a file of the folder, empty if it is not there. Free with buf_free. */
void registry_read(const struct registry *r, const char *name, struct buf *out);

/*
 * Put files in place that are missing or out of date. What is there and is not
 * ours is never overwritten: openssl.cnf is kept as it is, anything else ends
 * it. *changed: false if all was so already. An exit status.
 */
int registry_put(struct registry *r, const struct registry_files *files,
                 bool *changed);
/*
 * Take back the files of a card; of all (NULL); with the last card also what
 * they share. Files that were changed since are left, with a warning. *removed
 * counts. An exit status.
 */
int registry_remove(struct registry *r, const char *stem, size_t *removed);

#endif
