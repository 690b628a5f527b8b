/*
 * From the key ids of libp11's engine to PKCS#11 URIs.
 */
#include "engine/legacy.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { LEGACY_MAX_ID = 100 }; /* bytes of a CKA_ID, as libp11's engine has it */

#define DECIMAL "0123456789"
#define HEXADECIMAL DECIMAL "abcdefABCDEF"

/* RFC 3986 2.3: what need not be encoded. */
static bool is_unreserved(unsigned char c)
{
    return c != '\0'
           && strchr(HEXADECIMAL "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ-._~",
                     c) != NULL;
}

bool legacy_add(char *out, size_t cap, const char *attribute,
                const void *value, size_t len)
{
    const unsigned char *bytes = value;
    size_t used = strlen(out);
    char last = used > 0 ? out[used - 1] : ':';
    int n = snprintf(out + used, cap - used, "%s%s=",
                     last == ':' || last == '?' ? "" : ";", attribute);

    if (n < 0 || (size_t)n >= cap - used)
        return false;
    used += (size_t)n;
    for (size_t i = 0; i < len; i++) {
        n = snprintf(out + used, cap - used,
                     is_unreserved(bytes[i]) ? "%c" : "%%%02X", bytes[i]);
        if (n < 0 || (size_t)n >= cap - used)
            return false;
        used += (size_t)n;
    }
    return true;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return (unsigned)((c | 0x20) - 'a' + 10);
}

static bool add_hex_id(const char *hex, char *out, size_t cap)
{
    uint8_t id[LEGACY_MAX_ID];
    size_t len = 0;

    if (hex[strspn(hex, HEXADECIMAL)] != '\0'
        || strlen(hex) > 2 * sizeof(id))
        return false;
    while (*hex != '\0') {
        unsigned byte = digit_value(*hex++);

        if (*hex != '\0')
            byte = byte << 4 | digit_value(*hex++);
        id[len++] = (uint8_t)byte;
    }
    return len == 0 || legacy_add(out, cap, "id", id, len);
}

static const char *skip(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* id_HEX or label_TEXT */
static bool add_object(const char *id, char *out, size_t cap)
{
    const char *rest;

    if ((rest = skip(id, "id_")) != NULL)
        return add_hex_id(rest, out, cap);
    if ((rest = skip(id, "label_")) != NULL)
        return legacy_add(out, cap, "object", rest, strlen(rest));
    return false;
}

/* The slot's number, up to what separates it from the object; NULL: none. */
static const char *add_slot(const char *id, char *out, size_t cap)
{
    size_t len = strspn(id, DECIMAL);

    if (len == 0 || !legacy_add(out, cap, "slot-id", id, len))
        return NULL;
    return id + len;
}

bool legacy_to_uri(const char *id, char *out, size_t cap)
{
    const char *slot = skip(id, "slot_");
    int n = snprintf(out, cap, "pkcs11:");

    if (n < 0 || (size_t)n >= cap)
        return false;
    if (id[strspn(id, HEXADECIMAL)] == '\0')
        return add_hex_id(id, out, cap);
    if (slot != NULL) {
        slot = add_slot(slot, out, cap);
        return slot != NULL
               && (*slot == '\0'
                   || (*slot == '-' && add_object(slot + 1, out, cap)));
    }
    if (id[strspn(id, DECIMAL)] == ':') {
        slot = add_slot(id, out, cap);
        return slot != NULL && add_hex_id(slot + 1, out, cap);
    }
    return add_object(id, out, cap);
}
