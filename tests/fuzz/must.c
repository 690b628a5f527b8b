/*
 * What must hold of records that were made of hostile bytes: see fuzz.h.
 */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"

void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

void must_be_result(int rc)
{
    must(rc <= 0 && rc >= CARD_E_TOKEN, "the result is an enum card_error");
    must(rc == 0 || rc == CARD_E_NOT_MINE || card_error_sentence()[0] != '\0',
         "an error has a sentence");
}

void must_be_buf(const struct buf *b)
{
    must(b->len <= b->cap, "a buffer holds no more than its capacity");
}

void must_be_string(const char *string, size_t cap)
{
    must(memchr(string, '\0', cap) != NULL, "a string ends in its array");
}

void must_be_id(const struct card_id *id)
{
    must(id->len <= sizeof(id->data), "an iD fits");
}

void must_be_path(const struct card_path *path)
{
    must(path->len <= sizeof(path->data), "a path fits");
}

void must_be_key(const struct card_key_info *key)
{
    must_be_string(key->label, sizeof(key->label));
    must_be_id(&key->id);
    must_be_id(&key->auth_id);
    must_be_path(&key->path);
    must(key->bits <= 8 * CARD_MAX_SIGNATURE, "a key is not too long");
}

void must_be_cert(const struct card_cert_info *cert)
{
    must_be_string(cert->label, sizeof(cert->label));
    must_be_id(&cert->id);
    must_be_path(&cert->path);
}

void must_be_pin(const struct card_pin_info *pin)
{
    must_be_string(pin->label, sizeof(pin->label));
    must_be_id(&pin->auth_id);
    must_be_id(&pin->protected_by);
    must_be_path(&pin->path);
    must(pin->type <= CARD_PIN_ISO9564_1, "a PIN is of a known type");
    /* OpenPGP's DO C4 has a byte for it; 63Cx tells up to 15. */
    must(pin->tries_left >= CARD_TRIES_LOW && pin->tries_left <= 255,
         "a count of tries is one");
}
