/*
 * The files that stand for what is on a card: a certificate with its chain, and
 * a PEM-wrapped URI, for each key.
 */
#ifndef CARD_TOOL_CARD_FILES_H
#define CARD_TOOL_CARD_FILES_H

#include "card/tool/authorities.h"
#include "card/tool/registry.h"

enum { CARD_STEM_MAX = 64 };

/* A key, or a certificate of no key. */
struct card_files_entry {
    const char *usage;                   /* "auth", ...; "" */
    char certificate[REGISTRY_NAME_MAX]; /* "": none */
    char key[REGISTRY_NAME_MAX];
    size_t index; /* of the key on the card */
    char holder[CERT_NAME_MAX];
};

struct card_files {
    struct registry_files files;
    size_t count, certificates;
    struct card_files_entry entries[CARD_MAX_KEYS + CARD_MAX_CERTS];
};

/*
 * What the names of a card's files begin with: its serial number in letters,
 * digits and '_', with part of a hash where that loses something, and which of
 * its applications it is where there are several.
 */
void card_files_stem(const struct card_set *set, const struct card *c,
                     char out[CARD_STEM_MAX]);
void card_files_stem_of(const char *serial, char out[CARD_STEM_MAX]);
/* "STEM-ca.pem": the authorities that chain --install found to be right. */
void card_files_authorities(const char *stem, char out[REGISTRY_NAME_MAX]);

/* NULL after a message. Chains are made of `authorities`. */
struct card_files *card_files_new(struct tool *t, const struct card *c,
                                  const char *stem,
                                  const struct authorities *authorities);
void card_files_free(struct card_files *f);

#endif
