/*
 * The DER of a URI in a PEM file: see the header.
 */
#include "card/wrapped_uri.h"

#include <string.h>

#include "card/error.h"
#include "card/wire/tlv.h"

#define DESCRIPTION "PKCS#11 Provider URI v1.0"

enum { /* X.690 8.4: universal tags */
    TAG_UTF8_STRING = 0x0C,
    TAG_VISIBLE_STRING = 0x1A,
    TAG_SEQUENCE = 0x30
};

int wrapped_uri_encode(struct bytes uri, struct buf *out)
{
    uint8_t data[WRAPPED_URI_MAX];
    struct buf fields = BUF_ON(data);
    int rc;

    if (uri.len == 0 || uri.len > CARD_URI_MAX)
        return card_fail(CARD_E_ARGUMENT, "a URI of %zu bytes", uri.len);
    if ((rc = tlv_put(&fields, TAG_VISIBLE_STRING,
                      bytes_of_string(DESCRIPTION))) == 0 &&
        (rc = tlv_put(&fields, TAG_UTF8_STRING, uri)) == 0)
        rc = tlv_put(out, TAG_SEQUENCE, buf_view(&fields));
    buf_wipe(&fields); /* URIs of old may have a PIN */
    return rc;
}

bool wrapped_uri_decode(struct bytes der, char uri[CARD_URI_MAX + 1])
{
    struct tlv sequence, description, text;

    if (!tlv_next_is(&der, TAG_SEQUENCE, &sequence) || der.len != 0 ||
        !tlv_next_is(&sequence.value, TAG_VISIBLE_STRING, &description) ||
        !tlv_next_is(&sequence.value, TAG_UTF8_STRING, &text) ||
        sequence.value.len != 0 ||
        !bytes_equal(description.value, bytes_of_string(DESCRIPTION)))
        return false;
    if (text.value.len == 0 || text.value.len > CARD_URI_MAX ||
        memchr(text.value.data, '\0', text.value.len) != NULL)
        return false;
    memcpy(uri, text.value.data, text.value.len);
    uri[text.value.len] = '\0';
    return true;
}
