/*
 * Keys and certificates of the simulated PIV card (fact sheet piv, sections 2,
 * 3, 5 and 6).
 */
#include "tests/sim/piv_int.h"

#include <string.h>

#include <zlib.h>

#include "card/error.h"
#include "tests/sim/template.h"

enum {
    BOMB_LEN = 10 * 1024 * 1024,
    CERT_MAX = 60000,
    OBJECT_MAX = 1200 /* bytes in a GENERAL AUTHENTICATE template */
};

static uint8_t algorithm_of(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        switch (EVP_PKEY_get_bits(key)) {
        case 1024:
            return 0x06;
        case 3072:
            return 0x05;
        case 4096:
            return 0x16;
        default:
            return 0x07;
        }
    case EVP_PKEY_EC:
        return EVP_PKEY_get_bits(key) == 256 ? 0x11 : 0x14;
    case EVP_PKEY_ED25519:
        return 0xE0;
    default:
        return 0xE1;
    }
}

size_t piv_find_slot(const struct piv_sim *c, uint8_t ref)
{
    size_t i = 0;

    while (i < c->keys.count && c->slot[i].ref != ref)
        i++;
    return i < c->keys.count ? i : PIV_MAX_SLOTS;
}

/* ---- certificates -------------------------------------------------------- */

/* gzip -9, RFC 1952. */
static int put_gzip(struct bytes data, struct buf *out)
{
    z_stream z = {0};
    int rc = CARD_E_CONFIG;

    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return CARD_E_MEMORY;
    z.next_in = (z_const Bytef *)(uintptr_t)data.data;
    z.avail_in = (uInt)data.len;
    z.next_out = out->data + out->len;
    z.avail_out = (uInt)(out->cap - out->len);
    if (deflate(&z, Z_FINISH) == Z_STREAM_END) {
        out->len = out->cap - z.avail_out;
        rc = 0;
    }
    deflateEnd(&z);
    return rc;
}

static int put_bomb(struct buf *out)
{
    struct buf zeros;
    int rc = buf_new(&zeros, BOMB_LEN);

    if (rc < 0)
        return rc;
    memset(zeros.data, 0, zeros.cap);
    zeros.len = zeros.cap;
    rc = put_gzip(buf_view(&zeros), out);
    buf_free(&zeros);
    return rc;
}

int piv_put_cert(const struct piv_sim *c, size_t index, struct buf *out)
{
    enum piv_cert form = c->slot[index].form;
    const struct buf *cert = &c->keys.cert[index];
    struct buf value;
    struct bytes args[2];
    uint8_t info = form == PIV_CERT_PLAIN ? 0x00 : 0x01;
    int rc = buf_new(&value, CERT_MAX);

    if (rc < 0)
        return rc;
    rc = form == PIV_CERT_BOMB   ? put_bomb(&value)
         : form == PIV_CERT_GZIP ? put_gzip(buf_view(cert), &value)
                                 : buf_put(&value, buf_view(cert));
    args[0] = buf_view(&value);
    args[1] = bytes_from(&info, 1);
    if (rc == 0)
        rc = template_put(out, "70 ($0) 71 ($1) FE 00", args);
    buf_free(&value);
    return rc;
}

/* ---- the slots ----------------------------------------------------------- */

static void empty_slot(struct piv_sim *c, size_t index)
{
    struct sim_keys *k = &c->keys;

    EVP_PKEY_free(k->key[index]);
    buf_free(&k->cert[index]);
    k->count--;
    k->key[index] = k->key[k->count];
    k->cert[index] = k->cert[k->count];
    c->slot[index] = c->slot[k->count];
    k->key[k->count] = NULL;
    k->cert[k->count] = (struct buf){NULL, 0, 0};
}

int piv_set_key(struct piv_sim *c, uint8_t ref, const char *name)
{
    size_t index = piv_find_slot(c, ref);
    int rc;

    if (index < PIV_MAX_SLOTS)
        empty_slot(c, index);
    if (strcmp(name, "none") == 0)
        return 0;
    index = c->keys.count;
    if ((rc = sim_keys_add(&c->keys, c->dir, name)) < 0)
        return rc;
    c->slot[index] = (struct piv_slot){ref, PIV_CERT_PLAIN};
    return c->small > 0 ? sim_keys_small(&c->keys, index, c->small) : 0;
}

/* ---- GENERAL AUTHENTICATE ------------------------------------------------ */

/* 7C { 82 00, 81 or 85 value }, in any order. */
static bool parse_template(struct bytes body, unsigned *tag,
                           struct bytes *value)
{
    struct bytes objects, v;
    unsigned t;
    bool asked = false;

    *tag = 0;
    if (!template_take_tlv(&body, &t, &objects) || t != 0x7C || body.len > 0)
        return false;
    while (objects.len > 0) {
        if (!template_take_tlv(&objects, &t, &v))
            return false;
        if (t == 0x82 && v.len == 0) {
            asked = true;
        } else {
            *tag = t;
            *value = v;
        }
    }
    return asked;
}

static unsigned use_key(struct piv_sim *c, size_t index, unsigned tag,
                        struct bytes value, struct buf *out)
{
    const EVP_PKEY *key = c->keys.key[index];
    size_t len = sim_key_len(key);
    int type = EVP_PKEY_get_base_id(key);

    if (tag == 0x85 && type == EVP_PKEY_EC && value.len == 1 + 2 * len)
        return sim_derive(&c->keys, index, value, out);
    if (tag == 0x85 && type == EVP_PKEY_X25519 && value.len == 32)
        return sim_derive(&c->keys, index, value, out);
    if (tag != 0x81)
        return SIM_SW_DATA;
    if (type == EVP_PKEY_RSA && value.len == len)
        return sim_sign_raw(&c->keys, index, value, out);
    if (type == EVP_PKEY_EC &&
        (value.len == len || (c->any_hash && value.len < len)))
        return sim_sign_ecdsa(&c->keys, index, value, true, out);
    if (type == EVP_PKEY_ED25519)
        return sim_sign_eddsa(&c->keys, index, value, out);
    return SIM_SW_DATA;
}

/* 9E is free; 9C wants the PIN verified by the very command before. */
static bool may_use(const struct piv_sim *c, uint8_t ref)
{
    bool verified = c->pins.pin[PIV_PIN].verified ||
                    c->pins.pin[PIV_GLOBAL].verified;

    if (ref == PIV_SLOT_CARD_AUTH)
        return true;
    if (c->relock && !c->unlocked)
        return false;
    return verified && (ref != PIV_SLOT_SIGN || c->lax || c->consent);
}

unsigned piv_general_authenticate(struct piv_sim *c,
                                  const struct sim_command *cmd,
                                  struct buf *out)
{
    size_t index = piv_find_slot(c, cmd->p2);
    uint8_t space[OBJECT_MAX];
    struct buf result = BUF_ON(space);
    struct bytes value, arg;
    unsigned tag, sw;

    if (index == PIV_MAX_SLOTS ||
        algorithm_of(c->keys.key[index]) != cmd->p1)
        return SIM_SW_P1P2;
    if (!may_use(c, cmd->p2))
        return SIM_SW_SECURITY;
    if (!parse_template(cmd->body, &tag, &value))
        return SIM_SW_DATA;
    if ((sw = use_key(c, index, tag, value, &result)) != SIM_SW_OK)
        return sw;
    arg = buf_view(&result);
    return template_put(out, "7C (82 ($0))", &arg) < 0 ? SIM_SW_ERROR
                                                       : SIM_SW_OK;
}

/* ---- metadata ------------------------------------------------------------ */

static int put_public(const EVP_PKEY *key, struct buf *out)
{
    uint8_t n_space[OBJECT_MAX], e_space[8];
    struct buf n = BUF_ON(n_space), e = BUF_ON(e_space);
    struct bytes args[2];
    int rc;

    if (!sim_key_is_rsa(key)) {
        rc = sim_public_point(key, &n);
        args[0] = buf_view(&n);
        return rc < 0 ? rc : template_put(out, "86 ($0)", args);
    }
    rc = sim_public_rsa(key, &n, &e);
    args[0] = buf_view(&n);
    args[1] = buf_view(&e);
    return rc < 0 ? rc : template_put(out, "81 ($0) 82 ($1)", args);
}

unsigned piv_key_metadata(const struct piv_sim *c, size_t index,
                          struct buf *out)
{
    const EVP_PKEY *key = c->keys.key[index];
    uint8_t space[OBJECT_MAX], algorithm = algorithm_of(key);
    uint8_t pin = c->slot[index].ref == PIV_SLOT_CARD_AUTH  ? 1
                  : c->slot[index].ref == PIV_SLOT_SIGN ? 3 : 2;
    struct buf public = BUF_ON(space);
    struct bytes args[3];

    if (put_public(key, &public) < 0)
        return SIM_SW_ERROR;
    args[0] = bytes_from(&algorithm, 1);
    args[1] = bytes_from(&pin, 1);
    args[2] = buf_view(&public);
    return template_put(out, "01 ($0) 02 ($1 01) 03 (01) 04 ($2)", args) < 0
               ? SIM_SW_ERROR : SIM_SW_OK;
}
