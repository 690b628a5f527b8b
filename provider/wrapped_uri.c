/*
 * The DER of a URI in a PEM file: see the header.
 */
#include "provider/wrapped_uri.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/crypto.h>

#include "card/error.h"

#define DESCRIPTION "PKCS#11 Provider URI v1.0"

/* Append a text; false when memory fails. */
static bool push_text(ASN1_SEQUENCE_ANY *fields, int type, struct bytes text)
{
    ASN1_TYPE *field = ASN1_TYPE_new();
    ASN1_STRING *string = ASN1_STRING_type_new(type);

    if (field != NULL && string != NULL
        && ASN1_STRING_set(string, text.data, (int)text.len)) {
        ASN1_TYPE_set(field, type, string);
        if (sk_ASN1_TYPE_push(fields, field) > 0)
            return true;
        string = NULL; /* the field's */
    }
    ASN1_STRING_free(string);
    ASN1_TYPE_free(field);
    return false;
}

int wrapped_uri_encode(struct bytes uri, struct buf *out)
{
    ASN1_SEQUENCE_ANY *fields = sk_ASN1_TYPE_new_null();
    unsigned char *der = NULL;
    int len = -1, rc;

    if (uri.len <= CARD_URI_MAX && fields != NULL
        && push_text(fields, V_ASN1_VISIBLESTRING, bytes_of_string(DESCRIPTION))
        && push_text(fields, V_ASN1_UTF8STRING, uri))
        len = i2d_ASN1_SEQUENCE_ANY(fields, &der);
    if (len < 0)
        rc = card_fail(CARD_E_MEMORY, "a URI could not be written");
    else
        rc = buf_put(out, bytes_from(der, (size_t)len));
    OPENSSL_free(der);
    sk_ASN1_TYPE_pop_free(fields, ASN1_TYPE_free);
    return rc;
}

static bool is_text(const ASN1_TYPE *value, int type, struct bytes *out)
{
    const ASN1_STRING *string;

    if (value == NULL || ASN1_TYPE_get(value) != type)
        return false;
    string = type == V_ASN1_UTF8STRING ? value->value.utf8string
                                       : value->value.visiblestring;
    *out = bytes_from(ASN1_STRING_get0_data(string),
                      (size_t)ASN1_STRING_length(string));
    return true;
}

bool wrapped_uri_decode(struct bytes der, char uri[CARD_URI_MAX + 1])
{
    const unsigned char *cursor = der.data;
    ASN1_SEQUENCE_ANY *fields = d2i_ASN1_SEQUENCE_ANY(NULL, &cursor,
                                                      (long)der.len);
    struct bytes description, text;
    bool ours = cursor == der.data + der.len && sk_ASN1_TYPE_num(fields) == 2
                && is_text(sk_ASN1_TYPE_value(fields, 0), V_ASN1_VISIBLESTRING,
                           &description)
                && is_text(sk_ASN1_TYPE_value(fields, 1), V_ASN1_UTF8STRING,
                           &text)
                && bytes_equal(description, bytes_of_string(DESCRIPTION))
                && text.len > 0 && text.len <= CARD_URI_MAX
                && memchr(text.data, '\0', text.len) == NULL;

    if (ours) {
        memcpy(uri, text.data, text.len);
        uri[text.len] = '\0';
    }
    sk_ASN1_TYPE_pop_free(fields, ASN1_TYPE_free);
    return ours;
}
