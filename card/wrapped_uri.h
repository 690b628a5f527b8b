/*
 * The URI of a key in a PEM file, for programs that read key files: label
 * "PKCS#11 PROVIDER URI" around SEQUENCE { VisibleString "PKCS#11 Provider URI
 * v1.0", UTF8String URI }, the format of pkcs11-provider.
 */
#ifndef CARD_WRAPPED_URI_H
#define CARD_WRAPPED_URI_H

#include <stdbool.h>

#include "card/base/bytes.h"
#include "card/uri.h"

#define WRAPPED_URI_LABEL "PKCS#11 PROVIDER URI"

enum { WRAPPED_URI_MAX = CARD_URI_MAX + 64 }; /* bytes of DER */

/* DER of a URI, 1 to CARD_URI_MAX bytes. CARD_E_ARGUMENT, CARD_E_BUFFER. */
int wrapped_uri_encode(struct bytes uri, struct buf *out);

/* Whether DER is a wrapped URI, and then the URI as a string. */
bool wrapped_uri_decode(struct bytes der, char uri[CARD_URI_MAX + 1]);

#endif
