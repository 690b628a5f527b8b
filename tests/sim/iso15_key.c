/*
 * What keys of simulated ISO 7816-15 cards do: MANAGE SECURITY ENVIRONMENT and
 * PERFORM SECURITY OPERATION (fact sheet iso7816-pkcs15, sections 2 and 4), and
 * MyEID's key agreement.
 */
/* The inner state of a hash is reachable by libcrypto's older calls only. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/sim/iso15_int.h"

#include <string.h>

#include <openssl/sha.h>

#include "tests/sim/template.h"

enum {
    CRT_AT = 0xA4,
    CRT_DST = 0xB6,
    CRT_CT = 0xB8,
    OP_SIGN = 0x40,    /* the second bit of a BIT STRING */
    OP_DECIPHER = 0x04,
    CKM_RSA_PKCS = 0x0001,
    CKM_RSA_X_509 = 0x0003,
    CKM_SHA1_RSA_PKCS = 0x0006,
    CKM_RSA_PKCS_PSS = 0x000D,
    CKM_SHA256_RSA_PKCS = 0x0040,
    CKM_ECDSA = 0x1041,
    CKM_ECDH1_DERIVE = 0x1050,
    HASH_LEN = 32
};

/* ---- algorithms ---------------------------------------------------------- */

static const struct iso15_algorithm none[] = {{0, 0, 0, false}};
static const struct iso15_algorithm told[] = {
    {CKM_RSA_PKCS, 0x51, OP_SIGN, false},
    {CKM_RSA_PKCS, 0x52, OP_DECIPHER, false},
    {CKM_RSA_X_509, 0x53, OP_SIGN, false},
    {CKM_RSA_X_509, 0x54, OP_DECIPHER, false},
    {CKM_RSA_PKCS_PSS, 0x55, OP_SIGN, false},
    {CKM_ECDSA, 0x56, OP_SIGN, true},
    {CKM_ECDH1_DERIVE, 0x57, 0, true},
    {0, 0, 0, false}};
static const struct iso15_algorithm sha1[] = {
    {CKM_SHA1_RSA_PKCS, 0x61, OP_SIGN, false}, {0, 0, 0, false}};
static const struct iso15_algorithm hash[] = {
    {CKM_SHA256_RSA_PKCS, 0x62, OP_SIGN, false}, {0, 0, 0, false}};
static const struct iso15_algorithm isoapplet[] = {
    {CKM_RSA_PKCS, 0x11, OP_SIGN, false},
    {CKM_RSA_PKCS, 0x11, OP_DECIPHER, false},
    {CKM_RSA_PKCS_PSS, 0x12, OP_SIGN, false},
    {CKM_ECDSA, 0x21, OP_SIGN, true},
    {0, 0, 0, false}};
static const struct iso15_algorithm myeid[] = {
    {CKM_RSA_PKCS, 0x02, OP_SIGN, false},
    {CKM_RSA_PKCS, 0x02, OP_DECIPHER, false},
    {CKM_RSA_X_509, 0x00, OP_SIGN, false},
    {CKM_RSA_X_509, 0x00, OP_DECIPHER, false},
    {CKM_ECDSA, 0x04, OP_SIGN, true},
    {CKM_ECDH1_DERIVE, 0x04, 0, true},
    {0, 0, 0, false}};
static const struct iso15_algorithm implied[] = {
    {CKM_RSA_PKCS, 0, OP_SIGN, false},
    {CKM_RSA_PKCS, 0, OP_DECIPHER, false},
    {CKM_ECDSA, 0, OP_SIGN, true},
    {0, 0, 0, false}};

const struct iso15_algorithm *iso15_algorithms(const struct iso15_sim *c)
{
    switch (c->algorithms) {
    case ALGS_YES:
        return told;
    case ALGS_SHA1:
        return sha1;
    case ALGS_HASH:
        return hash;
    case ALGS_NO:
        break;
    }
    return none;
}

/* What the card really does, whatever TokenInfo says. */
static const struct iso15_algorithm *really(const struct iso15_sim *c)
{
    if (c->kind == ISO15_ISOAPPLET)
        return isoapplet;
    if (c->kind == ISO15_MYEID)
        return myeid;
    return c->algorithms == ALGS_NO ? implied : iso15_algorithms(c);
}

/* The mechanism of what was set, for one kind of operation; 0: none. */
static unsigned mechanism(const struct iso15_sim *c, uint8_t operation)
{
    bool ec = !sim_key_is_rsa(c->keys.key[c->key]);
    bool no_tag = really(c) == implied;

    if (no_tag != (c->alg < 0))
        return 0;
    for (const struct iso15_algorithm *a = really(c); a->mechanism != 0; a++)
        if (a->ec == ec && a->operation == operation &&
            (no_tag || a->alg == c->alg))
            return a->mechanism;
    return 0;
}

/* ---- MANAGE SECURITY ENVIRONMENT ----------------------------------------- */

struct environment {
    int alg;
    struct bytes file, ref;
};

static unsigned parse_environment(struct bytes body, struct environment *e)
{
    struct bytes value;
    unsigned tag;

    *e = (struct environment){.alg = -1};
    while (body.len > 0) {
        if (!template_take_tlv(&body, &tag, &value) || value.len == 0)
            return SIM_SW_DATA;
        if (tag == 0x80 && value.len == 1)
            e->alg = value.data[0];
        else if (tag == 0x81)
            e->file = value;
        else if (tag == 0x84 && value.len == 1)
            e->ref = value;
        else
            return SIM_SW_DATA;
    }
    return SIM_SW_OK;
}

/* By its file of two bytes and reference 00, or by its reference. */
static size_t find_key(const struct iso15_sim *c, const struct environment *e)
{
    for (size_t i = 0; i < c->keys.count; i++) {
        uint16_t fid = iso15_key_fid(i);
        const uint8_t file[] = {(uint8_t)(fid >> 8), (uint8_t)fid};

        if (c->kind == ISO15_MYEID) {
            if (bytes_equal(e->file, BYTES_OF(file)) &&
                (e->ref.len == 0 || e->ref.data[0] == 0))
                return i;
        } else if (e->ref.len == 1 && e->ref.data[0] == iso15_key_ref(c, i)) {
            return i;
        }
    }
    return SIM_MAX_KEYS;
}

static bool may_be_set(uint8_t crt, enum iso15_kind kind)
{
    return crt == CRT_DST || crt == CRT_CT ||
           (crt == CRT_AT && kind != ISO15_ISOAPPLET);
}

unsigned iso15_mse(struct iso15_sim *c, const struct sim_command *cmd)
{
    struct environment e;
    unsigned sw;

    c->crt = 0;
    if (cmd->p1 != 0x41 || !may_be_set(cmd->p2, c->kind))
        return SIM_SW_FUNCTION;
    if (c->kind == ISO15_ISOAPPLET && !c->pins.pin[ISO15_PIN].verified)
        return SIM_SW_SECURITY;
    if ((sw = parse_environment(cmd->body, &e)) != SIM_SW_OK)
        return sw;
    if (c->kind != ISO15_PLAIN && e.alg < 0)
        return c->kind == ISO15_MYEID ? SIM_SW_FUNCTION : SIM_SW_UNUSABLE;
    if ((c->key = find_key(c, &e)) == SIM_MAX_KEYS)
        return SIM_SW_NO_REFERENCE;
    c->alg = e.alg;
    c->hash.len = 0;
    c->half_len = 0;
    if (cmd->p2 == CRT_DST && mechanism(c, OP_SIGN) == 0)
        return SIM_SW_FUNCTION;
    if (cmd->p2 == CRT_CT && mechanism(c, OP_DECIPHER) == 0)
        return SIM_SW_FUNCTION;
    c->crt = cmd->p2;
    return SIM_SW_OK;
}

/* ---- signatures ---------------------------------------------------------- */

static uint64_t read_number(struct bytes number)
{
    uint64_t n = 0;

    for (size_t i = 0; i < number.len; i++)
        n = n << 8 | number.data[i];
    return n;
}

/* 90 { 32 bytes of state, 8 of length in bits }, or empty; 80 { the rest }. */
static unsigned finish_hash(struct iso15_sim *c, struct bytes body)
{
    struct bytes state, word, rest;
    unsigned tag;
    SHA256_CTX ctx;
    uint64_t bits;

    if (!template_take_tlv(&body, &tag, &state) || tag != 0x90 ||
        (state.len != 0 && state.len != HASH_LEN + 8) ||
        !template_take_tlv(&body, &tag, &rest) || tag != 0x80 ||
        rest.len == 0 || rest.len > 64 || SHA256_Init(&ctx) != 1)
        return SIM_SW_DATA;
    for (size_t i = 0; state.len > 8 && i < 8; i++) {
        bytes_take(&state, 4, &word);
        ctx.h[i] = (SHA_LONG)read_number(word);
    }
    bits = read_number(state);
    ctx.Nl = (SHA_LONG)bits;
    ctx.Nh = (SHA_LONG)(bits >> 32);
    if (SHA256_Update(&ctx, rest.data, rest.len) != 1 ||
        SHA256_Final(c->hash_space, &ctx) != 1)
        return SIM_SW_ERROR;
    c->hash = (struct buf){c->hash_space, HASH_LEN, sizeof(c->hash_space)};
    return SIM_SW_OK;
}

static unsigned sign_hash(struct iso15_sim *c, const char *prefix,
                          struct bytes value, size_t len, struct buf *out)
{
    uint8_t space[64];
    struct buf info = BUF_ON(space);

    if (value.len != len)
        return SIM_SW_DATA;
    if (template_put(&info, prefix, &value) < 0)
        return SIM_SW_ERROR;
    return sim_sign_pkcs1(&c->keys, c->key, buf_view(&info), out);
}

/* IsoApplet 0.6 signs SHA-1 of whatever it gets. */
static unsigned sign_ecdsa(struct iso15_sim *c, struct bytes value,
                           struct buf *out)
{
    size_t field = sim_key_len(c->keys.key[c->key]);
    uint8_t sha1_space[SHA_DIGEST_LENGTH];

    if (c->kind == ISO15_ISOAPPLET && c->version == 0) {
        SHA1(value.data, value.len, sha1_space);
        value = BYTES_OF(sha1_space);
    }
    if (value.len > field ||
        (c->kind == ISO15_MYEID && value.len != field))
        return SIM_SW_CONDITIONS;
    return sim_sign_ecdsa(&c->keys, c->key, value, !c->raw_ecdsa, out);
}

static unsigned sign(struct iso15_sim *c, struct bytes body, struct buf *out)
{
    switch (mechanism(c, OP_SIGN)) {
    case CKM_RSA_PKCS:
        return sim_sign_pkcs1(&c->keys, c->key, body, out);
    case CKM_RSA_X_509:
        return sim_sign_raw(&c->keys, c->key, body, out);
    case CKM_RSA_PKCS_PSS:
        return sim_sign_pss(&c->keys, c->key, body, out);
    case CKM_ECDSA:
        return sign_ecdsa(c, body, out);
    case CKM_SHA1_RSA_PKCS:
        return sign_hash(c, "30 (30 (06 (2B 0E 03 02 1A) 05 00) 04 ($0))",
                         body, 20, out);
    case CKM_SHA256_RSA_PKCS:
        if (body.len > 0)
            return SIM_SW_DATA; /* it trusts its own hash only */
        return sign_hash(c, "30 (30 (06 (60 86 48 01 65 03 04 02 01) 05 00) "
                         "04 ($0))", buf_view(&c->hash), HASH_LEN, out);
    default:
        return SIM_SW_CONDITIONS;
    }
}

/* ---- decryption ---------------------------------------------------------- */

/* MyEID: 81 and 82 mark the halves of 256 bytes. */
static bool is_first_half(struct iso15_sim *c, struct bytes *data,
                          uint8_t indicator, uint8_t *whole)
{
    if (indicator == 0x81 && data->len <= sizeof(c->half)) {
        memcpy(c->half, data->data, data->len);
        c->half_len = data->len;
        return true;
    }
    if (indicator == 0x82 && c->half_len + data->len <= SIM_MAX_INPUT) {
        memcpy(whole, c->half, c->half_len);
        memcpy(whole + c->half_len, data->data, data->len);
        *data = bytes_from(whole, c->half_len + data->len);
    }
    return false;
}

static unsigned decipher(struct iso15_sim *c, struct bytes body,
                         struct buf *out)
{
    uint8_t indicator, whole[SIM_MAX_INPUT];

    if (c->crt != CRT_CT)
        return SIM_SW_CONDITIONS;
    if (!bytes_take_u8(&body, &indicator) ||
        (indicator != 0 && c->kind != ISO15_MYEID))
        return SIM_SW_DATA;
    if (is_first_half(c, &body, indicator, whole))
        return SIM_SW_OK;
    switch (mechanism(c, OP_DECIPHER)) {
    case CKM_RSA_PKCS:
        return sim_decrypt_pkcs1(&c->keys, c->key, body, out);
    case CKM_RSA_X_509:
        return sim_decrypt_raw(&c->keys, c->key, body, out);
    default:
        return SIM_SW_CONDITIONS;
    }
}

/* ---- PERFORM SECURITY OPERATION ------------------------------------------ */

/* The key of documents wants the PIN for each signature. */
static void after_use(struct iso15_sim *c)
{
    if (!c->keeps)
        c->crt = 0;
    if (strcmp(c->names[c->key], "sign") == 0)
        c->pins.pin[ISO15_PIN].verified = false;
}

unsigned iso15_pso(struct iso15_sim *c, const struct sim_command *cmd,
                   struct buf *out)
{
    unsigned sw;

    if (!c->pins.pin[ISO15_PIN].verified)
        return SIM_SW_SECURITY;
    if (c->crt == 0)
        return SIM_SW_CONDITIONS;
    if (cmd->p1 == 0x90 && cmd->p2 == 0xA0)
        return finish_hash(c, cmd->body);
    if (cmd->p1 == 0x80 && cmd->p2 == 0x86)
        return decipher(c, cmd->body, out);
    if (cmd->p1 != 0x9E || cmd->p2 != 0x9A)
        return SIM_SW_P1P2;
    if (c->crt != CRT_DST)
        return SIM_SW_CONDITIONS;
    sw = sign(c, cmd->body, out);
    c->hash.len = 0;
    after_use(c);
    return sw;
}

/* The curve is that of the key file which is current, as in OsEID. */
unsigned iso15_agree(struct iso15_sim *c, const struct sim_command *cmd,
                     struct buf *out)
{
    struct bytes body = cmd->body, value;
    unsigned tag;

    if (cmd->p1 != 0 || cmd->p2 != 0 || c->kind == ISO15_ISOAPPLET)
        return SIM_SW_INS;
    if (!c->pins.pin[ISO15_PIN].verified)
        return SIM_SW_SECURITY;
    if (c->crt != CRT_AT || sim_key_is_rsa(c->keys.key[c->key]) ||
        mechanism(c, 0) != CKM_ECDH1_DERIVE)
        return SIM_SW_CONDITIONS;
    if (c->kind == ISO15_MYEID &&
        (c->current >= c->file_count || !c->file[c->current].key))
        return SIM_SW_CONDITIONS;
    if (!template_take_tlv(&body, &tag, &value) || tag != 0x7C ||
        !template_take_tlv(&value, &tag, &body) || tag != 0x85)
        return SIM_SW_UNUSABLE;
    return sim_derive(&c->keys, c->key, body, out);
}
