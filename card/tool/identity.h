/*
 * Who a certificate of a French health professional's card names, and the codes
 * of its extensions (nomenclatures of ANS; fact sheet cps3, sections 7 and 8).
 */
#ifndef CARD_TOOL_IDENTITY_H
#define CARD_TOOL_IDENTITY_H

#include "card/tool/cert_text.h"

struct identity {
    char family[CERT_NAME_MAX], given[CERT_NAME_MAX];
    char number[64];      /* "0B4005951" */
    const char *kind;     /* of the number: "ADELI"; NULL: unknown */
    char profession[CERT_NAME_MAX]; /* title, or in older certificates OU */
    bool test;            /* issued by a test authority, by its name */
};

/* False: not of a health professional. */
bool identity_read(struct bytes cert, struct identity *out);

/*
 * Extensions below 1.2.250.1.71, each with what stands in it: text, a number or
 * hex. What a nomenclature would make of it is marked as an interpretation.
 */
typedef void identity_extension_fn(void *arg, const char *oid,
                                   const char *value);
void identity_extensions(struct bytes cert, identity_extension_fn *put,
                         void *arg);

#endif
