/*
 * Private-key operations of the simulated CPS3 (fact sheets ias-ecc 4 to 6,
 * cps3 6): security environment, hash finished on the card, signature,
 * internal authentication, deciphering.
 */
/* The inner state of a hash is reachable by libcrypto's older calls only. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/sim/cps3_int.h"

#include <string.h>

#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "tests/sim/template.h"

enum {
    KEY_SIGN = 0x81,
    KEY_AUTH = 0x82,
    KEY_TECHNICAL = 0x83, /* the number is ours */
    ALG_AUTH = 0x02,
    ALG_SIGN_SHA1 = 0x12,
    ALG_SIGN_SHA256 = 0x42,
    ALG_DECIPHER = 0x1A,
    ALG_SHA1 = 0x10,
    ALG_SHA256 = 0x40,
    /* 40 % of the modulus */
    AUTH_MAX = CPS3_MODULUS * 40 / 100,
    COUNTER_LEN = 8
};

static const uint8_t prefix_sha1[] = {0x30, 0x21, 0x30, 0x09, 0x06,
                                      0x05, 0x2B, 0x0E, 0x03, 0x02,
                                      0x1A, 0x05, 0x00, 0x04, 0x14};
static const uint8_t prefix_sha256[] = {0x30, 0x31, 0x30, 0x0D, 0x06,
                                        0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01,
                                        0x05, 0x00, 0x04, 0x20};

/* Which algorithm and key each template takes; key 0: none to be named. */
static const struct rule {
    uint8_t p2;
    unsigned slot;
    uint8_t key;
    uint8_t algs[2];
} rules[] = {
    {0xA4, CPS3_AT,  KEY_AUTH, {ALG_AUTH, 0}                    },
    {0xB6, CPS3_DST, KEY_SIGN, {ALG_SIGN_SHA1, ALG_SIGN_SHA256} },
    {0xB8, CPS3_CT,  KEY_AUTH, {ALG_DECIPHER, 0}                },
    {0xAA, CPS3_HT,  0,        {ALG_SHA1, ALG_SHA256}           },
};

static const struct rule *find_rule(uint8_t p2)
{
    for (size_t i = 0; i < nitems(rules); i++)
        if (rules[i].p2 == p2)
            return &rules[i];
    return NULL;
}

/* Contactless there is but one key, which authenticates without a PIN. */
static uint8_t key_of_rule(const struct cps3 *c, const struct rule *rule)
{
    if (!c->maker->contactless)
        return rule->key;
    return rule->slot == CPS3_AT ? KEY_TECHNICAL : 0xFF;
}

/* {80 01 alg} and {84 01 key}, in either order. */
static bool parse_crt(struct bytes body, struct cps3_template *t)
{
    struct bytes value;
    unsigned tag;

    while (body.len > 0) {
        if (!template_take_tlv(&body, &tag, &value) || value.len != 1)
            return false;
        if (tag == 0x80)
            t->alg = value.data[0];
        else if (tag == 0x84)
            t->key = value.data[0];
        else
            return false;
    }
    return t->alg != 0;
}

unsigned cps3_mse(struct cps3 *c, const struct cps3_command *cmd,
                  struct buf *out)
{
    const struct rule *rule = find_rule(cmd->p2);
    struct cps3_template t = {0, 0};

    (void)out;
    if (cmd->p1 != 0x41 || rule == NULL)
        return SW_P1P2;
    if (!parse_crt(cmd->body, &t))
        return SW_DATA;
    /* 81 and 82 are local references: they mean something in the DF only. */
    if (t.key != key_of_rule(c, rule) || (t.key != 0 && c->where != CPS3_DF))
        return SW_NO_REFERENCE;
    if (t.alg != rule->algs[0] && t.alg != rule->algs[1])
        return SW_DATA;
    c->env.set[rule->slot] = t;
    if (rule->slot == CPS3_HT)
        c->env.hash_len = 0;
    return SW_OK;
}

/* A private-key operation with PKCS#1 type 1 padding, or with none. */
static unsigned rsa(EVP_PKEY *key, int padding, bool sign, struct bytes in,
                    uint8_t out[CPS3_MODULUS])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    size_t len = CPS3_MODULUS;
    int ok = 0;

    if (ctx != NULL && sign)
        ok = EVP_PKEY_sign_init(ctx) == 1
             && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1
             && EVP_PKEY_sign(ctx, out, &len, in.data, in.len) == 1;
    else if (ctx != NULL)
        ok = EVP_PKEY_decrypt_init(ctx) == 1
             && EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1
             && EVP_PKEY_decrypt(ctx, out, &len, in.data, in.len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok && len == CPS3_MODULUS ? SW_OK : SW_ERROR;
}

/* Sign `block`, rightly or as the misbehaviour switch says. */
static unsigned sign_block(struct cps3 *c, EVP_PKEY *key, struct bytes block,
                           struct buf *out)
{
    enum cps3_wrong wrong = c->options.wrong;
    uint8_t sig[CPS3_MODULUS];
    struct bytes in = block;
    unsigned sw;

    if (wrong == CPS3_SIGN_PREVIOUS && c->last_len > 0)
        in = bytes_from(c->last_block, c->last_len);
    if (wrong == CPS3_SIGN_OTHER_KEY)
        key = key == c->sign_key ? c->auth_key : c->sign_key;
    if ((sw = rsa(key, RSA_PKCS1_PADDING, true, in, sig)) != SW_OK)
        return sw;
    if (wrong == CPS3_SIGN_FLIP_BIT)
        sig[CPS3_MODULUS / 2] ^= 0x01;
    memcpy(c->last_block, block.data, block.len);
    c->last_len = block.len;
    return buf_put(out, BYTES_OF(sig)) < 0 ? SW_ERROR : SW_OK;
}

unsigned cps3_internal_authenticate(struct cps3 *c,
                                    const struct cps3_command *cmd,
                                    struct buf *out)
{
    if (cmd->p1 != 0x00 || cmd->p2 != 0x00)
        return SW_P1P2;
    if (!c->verified[CPS3_PIN] && !c->maker->contactless)
        return SW_SECURITY;
    if (c->env.set[CPS3_AT].alg == 0)
        return SW_CONDITIONS;
    /* The real word for too long a challenge is unknown. */
    if (cmd->body.len == 0 || cmd->body.len > AUTH_MAX)
        return SW_LENGTH;
    return sign_block(c, c->auth_key, cmd->body, out);
}

struct partial {
    struct bytes state;   /* empty: the message is `last` alone */
    struct bytes counter; /* bits hashed so far, big-endian */
    struct bytes last;
};

/* {90 state || counter} and {80 last block}, in either order. */
static bool parse_partial(struct bytes body, size_t hash_len,
                          struct partial *p)
{
    struct bytes value;
    unsigned tag;
    bool state_seen = false;

    memset(p, 0, sizeof(*p));
    while (body.len > 0) {
        if (!template_take_tlv(&body, &tag, &value))
            return false;
        if (tag == 0x80) {
            p->last = value;
        } else if (tag == 0x90) {
            state_seen = true;
            if (value.len != 0
                && (!bytes_take(&value, hash_len, &p->state)
                    || !bytes_take(&value, COUNTER_LEN, &p->counter)
                    || value.len != 0))
                return false;
        } else {
            return false;
        }
    }
    return state_seen && p->last.len >= 1 && p->last.len <= 64;
}

/* A counter that says whole blocks, and some. */
static bool read_counter(struct bytes counter, uint64_t *bits)
{
    uint8_t byte;

    *bits = 0;
    while (bytes_take_u8(&counter, &byte))
        *bits = *bits << 8 | byte;
    return *bits % 512 == 0 && *bits > 0;
}

static uint32_t read_word(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8
           | p[3];
}

static bool finish_sha1(const struct partial *p, uint64_t bits, uint8_t *out)
{
    SHA_CTX ctx;
    const uint8_t *s = p->state.data;

    if (SHA1_Init(&ctx) != 1)
        return false;
    if (p->state.len > 0) {
        ctx.h0 = read_word(s);
        ctx.h1 = read_word(s + 4);
        ctx.h2 = read_word(s + 8);
        ctx.h3 = read_word(s + 12);
        ctx.h4 = read_word(s + 16);
        ctx.Nl = (SHA_LONG)bits;
        ctx.Nh = (SHA_LONG)(bits >> 32);
    }
    return SHA1_Update(&ctx, p->last.data, p->last.len) == 1
           && SHA1_Final(out, &ctx) == 1;
}

static bool finish_sha256(const struct partial *p, uint64_t bits, uint8_t *out)
{
    SHA256_CTX ctx;

    if (SHA256_Init(&ctx) != 1)
        return false;
    if (p->state.len > 0) {
        for (size_t i = 0; i < 8; i++)
            ctx.h[i] = read_word(p->state.data + 4 * i);
        ctx.Nl = (SHA_LONG)bits;
        ctx.Nh = (SHA_LONG)(bits >> 32);
    }
    return SHA256_Update(&ctx, p->last.data, p->last.len) == 1
           && SHA256_Final(out, &ctx) == 1;
}

/* PSO HASH: go on from the midstate the host computed. */
static unsigned pso_hash(struct cps3 *c, struct bytes body)
{
    uint8_t alg = c->env.set[CPS3_HT].alg;
    uint8_t hash_len = alg == ALG_SHA1 ? 20 : 32;
    struct partial p;
    uint64_t bits = 0;
    bool ok;

    c->env.hash_len = 0;
    if (alg == 0)
        return SW_CONDITIONS;
    if (!parse_partial(body, hash_len, &p)
        || (p.state.len > 0 && !read_counter(p.counter, &bits)))
        return SW_DATA;
    ok = alg == ALG_SHA1 ? finish_sha1(&p, bits, c->env.hash)
                         : finish_sha256(&p, bits, c->env.hash);
    if (!ok)
        return SW_ERROR;
    c->env.hash_len = hash_len;
    return SW_OK;
}

/* The hash to sign: finished on the card, or given bare or in a DigestInfo. */
static unsigned signature_hash(const struct cps3 *c, struct bytes body,
                               struct bytes prefix, struct bytes *hash)
{
    size_t hash_len = prefix.data[prefix.len - 1];
    struct bytes head;

    if (body.len == 0) {
        *hash = bytes_from(c->env.hash, c->env.hash_len);
        return hash->len == hash_len ? SW_OK : SW_CONDITIONS;
    }
    if (c->options.no_finished_hash)
        return SW_DATA;
    if (body.len == prefix.len + hash_len && bytes_start_with(body, prefix))
        bytes_take(&body, prefix.len, &head);
    *hash = body;
    return body.len == hash_len ? SW_OK : SW_DATA;
}

static unsigned pso_sign(struct cps3 *c, struct bytes body, struct buf *out)
{
    uint8_t alg = c->env.set[CPS3_DST].alg;
    struct bytes prefix = alg == ALG_SIGN_SHA1 ? BYTES_OF(prefix_sha1)
                                               : BYTES_OF(prefix_sha256);
    uint8_t info[sizeof(prefix_sha256) + 32];
    struct buf block = BUF_ON(info);
    struct bytes hash;
    unsigned sw;

    if (!c->verified[CPS3_PIN])
        return SW_SECURITY;
    if (alg == 0)
        return SW_CONDITIONS;
    if ((sw = signature_hash(c, body, prefix, &hash)) != SW_OK)
        return sw;
    if (buf_put(&block, prefix) < 0 || buf_put(&block, hash) < 0)
        return SW_ERROR;
    c->env.hash_len = 0;
    return sign_block(c, c->sign_key, buf_view(&block), out);
}

/* RFC 8017, 7.2.2: 00 02 PS 00 M with at least eight bytes of PS. */
static bool unpad(struct bytes block, struct bytes *message)
{
    size_t i = 2;

    if (block.data[0] != 0x00 || block.data[1] != 0x02)
        return false;
    while (i < block.len && block.data[i] != 0x00)
        i++;
    if (i < 10 || i == block.len)
        return false;
    *message = bytes_from(block.data + i + 1, block.len - i - 1);
    return true;
}

static unsigned pso_decipher(struct cps3 *c, struct bytes body,
                             struct buf *out)
{
    uint8_t block[CPS3_MODULUS];
    struct bytes message;
    uint8_t indicator;
    unsigned sw;

    if (!c->verified[CPS3_PIN])
        return SW_SECURITY;
    if (c->env.set[CPS3_CT].alg == 0)
        return SW_CONDITIONS;
    if (body.len != CPS3_MODULUS + 1)
        return SW_LENGTH;
    if (!bytes_take_u8(&body, &indicator) || indicator != 0x81)
        return SW_DATA;
    if ((sw = rsa(c->auth_key, RSA_NO_PADDING, false, body, block)) != SW_OK)
        return SW_DATA; /* not below the modulus */
    /* The real card's word for bad padding is unknown. */
    if (!unpad(BYTES_OF(block), &message))
        return SW_CONDITIONS;
    return buf_put(out, message) < 0 ? SW_ERROR : SW_OK;
}

unsigned cps3_pso(struct cps3 *c, const struct cps3_command *cmd,
                  struct buf *out)
{
    switch (cmd->p1 << 8 | cmd->p2) {
    case 0x90A0:
        return pso_hash(c, cmd->body);
    case 0x9E9A:
        return pso_sign(c, cmd->body, out);
    case 0x8086:
        return pso_decipher(c, cmd->body, out);
    default:
        return SW_P1P2;
    }
}
