/*
 * What the user asked for: `pkcs11:` (RFC 7512), `card:` (the same grammar and
 * more attributes) and `store:` (either one behind it, or bare attributes of
 * `card:`). `//` after a scheme is skipped: with it OSSL_STORE never takes a
 * file of that name in the working directory for the URI.
 */
#ifndef CARD_URI_H
#define CARD_URI_H

#include "card/base/bytes.h"
#include "card/base/secret.h"
#include "card/object.h"

enum { CARD_URI_MAX = 4096 }; /* bytes of text */

enum card_uri_type { /* type=, 0 when absent */
    CARD_URI_ANY,
    CARD_URI_CERT,
    CARD_URI_PUBLIC,
    CARD_URI_PRIVATE,
    CARD_URI_OTHER /* data, secret-key: nothing of ours is that */
};

/*
 * Decoded once: percent-encoding undone, UTF-8 strings NUL-terminated. NULL or
 * len 0 means the attribute is absent.
 */
struct card_uri {
    bool pkcs11;                                     /* the scheme */
    char *token, *manufacturer, *model, *serial;     /* of the token */
    char *object;                                    /* CKA_LABEL */
    struct card_id id;                               /* CKA_ID */
    enum card_uri_type type;
    char *slot_description, *slot_manufacturer;
    char *library_description, *library_manufacturer;
    bool has_slot_id, has_library_version;
    unsigned long slot_id, library_major, library_minor;
    /* card: only */
    unsigned uses;           /* usage=: enum card_use, 0 when absent */
    char *issuer, *subject;  /* common names in the certificate */
    char *reader, *driver;
    bool pin_not_last;       /* pin-rule=not-last */
    /* query */
    struct secret *pin_value;
    char *pin_source;        /* path; a file: prefix is peeled */
};

/*
 * Parse into *out, which needs card_uri_clear afterwards only on success.
 * CARD_E_URI names the attribute (never its value): unknown, given twice, bad
 * percent-encoding, embedded NUL, empty name, over CARD_URI_MAX; module-path
 * and module-name too, since a URI never loads anything. Scheme names are
 * case-insensitive. Path attributes are separated by ';', query attributes
 * follow '?' and are separated by '&' (';' is taken there too); pin-value,
 * pin-source and pin-rule are taken in both places. CARD_E_MEMORY.
 */
int card_uri_parse(const char *text, struct card_uri *out);
void card_uri_clear(struct card_uri *uri);

/*
 * Whether the text starts with a scheme of ours: for decoders that must pass
 * on what is not theirs.
 */
bool card_uri_is_ours(const char *text);

/*
 * The text with the value of pin-value replaced by "XXXX", for logs and error
 * messages; cut at cap. Returns out.
 */
char *card_uri_redact(const char *text, char *out, size_t cap);

#endif
