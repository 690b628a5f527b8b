/*
 * What is on a card as PEM, and which of it is meant: for cert, key, activate
 * and chain.
 */
#ifndef CARD_TOOL_OBJECT_PEM_H
#define CARD_TOOL_OBJECT_PEM_H

#include <openssl/bio.h>

#include "card/tool/tool.h"

/* What --usage, --id or a URI name; zeroed: everything. */
struct object_choice {
    unsigned uses; /* enum card_use: one of them */
    struct card_id id;
    char label[CARD_LABEL_MAX];
};

/*
 * From --usage and --id, each may be NULL, and from `text` if that is a URI.
 * TOOL_DONE, or TOOL_USAGE after a message.
 */
int object_choice_parse(struct tool *t, const char *usage, const char *id,
                        const char *text, struct object_choice *out);
bool object_key_is_meant(const struct object_choice *choice,
                         const struct card_key_info *key);
/* A certificate by itself, or by a key it pairs with. */
bool object_cert_is_meant(const struct object_choice *choice,
                          const struct card *c, size_t i);

/* "auth", "sign", "decrypt" or "": the first that a key serves for. */
const char *object_usage(unsigned uses);
/* enum card_use of such a name; 0: it is none. */
unsigned object_use_of(const char *name);
/* Whether a key and a certificate, or two of either, go together. */
bool object_same_id(const struct card_id *a, const struct card_id *b);
/* The URI of an object, for people and files: false after card_fail. */
bool object_uri(const struct card *c, enum card_kind kind, size_t i,
                char out[CARD_URI_MAX + 1]);
/* The usage of the key that pairs with a certificate, or "". */
const char *object_cert_usage(const struct card *c, size_t i);

/* False: no memory. */
bool object_put_cert(BIO *out, struct bytes der);
/* The PEM-wrapped URI: never with a PIN. False: no memory, or too long. */
bool object_put_uri(BIO *out, const char *uri);
/* The same of a card's key. */
bool object_put_key(BIO *out, const struct card *c, size_t i);
/* The file of --out, with its folder (registry_make_for): an exit status. */
int object_write(struct tool *t, const char *file, struct bytes content);

#endif
