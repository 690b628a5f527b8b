/*
 * Keys of the simulated Gemalto cards (fact sheet gemsafe-classic, sections 3
 * and 4).
 */
#include "tests/sim/gemsafe_int.h"

#include <string.h>

#include "tests/sim/template.h"

enum {
    CRT_DST = 0xB6,
    CRT_CT = 0xB8,
    FREEFORM_V1 = 0x12,
    FREEFORM = 0x02,
    FREEFORM_MAX = 36,
    CLA_V1 = 0x80
};

/* DigestInfo of an algorithm that is given the bare hash. */
static const struct {
    uint8_t algorithm;
    size_t len;
    const char *info;
} hashes[] = {
    {0x12, 20, "30(30(06(2B0E03021A)0500)04($0))"},
    {0x32, 28, "30(30(06(608648016503040204)0500)04($0))"},
    {0x42, 32, "30(30(06(608648016503040201)0500)04($0))"},
    {0x52, 48, "30(30(06(608648016503040202)0500)04($0))"},
    {0x62, 64, "30(30(06(608648016503040203)0500)04($0))"},
};

static uint8_t freeform(const struct gemsafe_sim *c)
{
    return c->variant == GEMSAFE_V1 ? FREEFORM_V1 : FREEFORM;
}

/* V1 and V3 know the bare hash of SHA-256 alone. */
static size_t find_hash(const struct gemsafe_sim *c, uint8_t algorithm)
{
    for (size_t i = 0; i < nitems(hashes); i++)
        if (hashes[i].algorithm == algorithm &&
            (c->variant == GEMSAFE_P15 ? !c->short_hashes ||
                                             hashes[i].len <= 32
                                       : hashes[i].len == 32))
            return i;
    return nitems(hashes);
}

static bool algorithm_fits(const struct gemsafe_sim *c, uint8_t crt,
                           uint8_t algorithm)
{
    return algorithm == freeform(c) ||
           (crt == CRT_DST && find_hash(c, algorithm) < nitems(hashes));
}

/* SET with algorithm and key; RESTORE changes nothing here. */
unsigned gemsafe_mse(struct gemsafe_sim *c, const struct sim_command *cmd)
{
    const uint8_t *p = cmd->body.data;

    c->hash_len = 0;
    if (cmd->p1 == 0x73)
        return c->variant == GEMSAFE_P15 ? SIM_SW_P1P2 : SIM_SW_OK;
    if (cmd->p1 != 0x41 || (cmd->p2 != CRT_DST && cmd->p2 != CRT_CT))
        return SIM_SW_P1P2;
    if (cmd->body.len != 6 || p[0] != 0x80 || p[1] != 1 || p[3] != 0x84 ||
        p[4] != 1)
        return SIM_SW_DATA;
    if (!algorithm_fits(c, cmd->p2, p[2]))
        return SIM_SW_DATA;
    if (gemsafe_key_of(c, p[5]) == SIM_MAX_KEYS)
        return SIM_SW_NO_REFERENCE;
    c->crt = cmd->p2;
    c->algorithm = p[2];
    c->key_ref = p[5];
    return SIM_SW_OK;
}

/* Key and environment for an operation; SIM_MAX_KEYS and *sw: not so. */
static size_t key_for(const struct gemsafe_sim *c, uint8_t crt, unsigned *sw)
{
    size_t key = gemsafe_key_of(c, c->key_ref);

    *sw = SIM_SW_OK;
    if (c->crt != crt || key == SIM_MAX_KEYS)
        *sw = SIM_SW_CONDITIONS;
    else if (!c->pins.pin[GEMSAFE_PIN].verified)
        *sw = SIM_SW_SECURITY;
    return *sw == SIM_SW_OK ? key : SIM_MAX_KEYS;
}

/* `data` is a bare hash, or what is padded as it is. */
static unsigned sign(struct gemsafe_sim *c, struct bytes data, bool whole,
                     struct buf *out)
{
    size_t hash = find_hash(c, c->algorithm);
    uint8_t space[128];
    struct buf info = BUF_ON(space);
    unsigned sw;
    size_t key = key_for(c, CRT_DST, &sw);

    if (key == SIM_MAX_KEYS)
        return sw;
    if (c->algorithm == freeform(c) && (whole || data.len <= FREEFORM_MAX))
        return sim_sign_pkcs1(&c->keys, key, data, out);
    if (hash == nitems(hashes) || data.len != hashes[hash].len)
        return SIM_SW_DATA;
    if (template_put(&info, hashes[hash].info, &data) < 0)
        return SIM_SW_ERROR;
    return sim_sign_pkcs1(&c->keys, key, buf_view(&info), out);
}

/* 90 LL data, and nothing else: no intermediate hash. */
static bool take_hash(struct bytes body, struct bytes *data)
{
    unsigned tag;

    return template_take_tlv(&body, &tag, data) && tag == 0x90 &&
           body.len == 0;
}

static unsigned sign_v1(struct gemsafe_sim *c, const struct sim_command *cmd,
                        struct buf *out)
{
    struct bytes data;

    return take_hash(cmd->body, &data) ? sign(c, data, false, out)
                                       : (unsigned)SIM_SW_DATA;
}

/* GemP15 gives the hash back, which nobody wants: 61 20 at T=0. */
static unsigned hash(struct gemsafe_sim *c, const struct sim_command *cmd,
                     struct buf *out)
{
    struct bytes data;

    if (!take_hash(cmd->body, &data) || data.len > sizeof(c->hash))
        return SIM_SW_DATA;
    memcpy(c->hash, data.data, data.len);
    c->hash_len = data.len;
    if (c->variant != GEMSAFE_P15)
        return SIM_SW_OK;
    return buf_put(out, data) < 0 ? SIM_SW_ERROR : SIM_SW_OK;
}

static unsigned compute(struct gemsafe_sim *c, const struct sim_command *cmd,
                        struct buf *out)
{
    struct bytes hashed = bytes_from(c->hash, c->hash_len);
    unsigned sw;

    if (cmd->body.len > 0)
        return c->variant == GEMSAFE_P15 ? sign(c, cmd->body, true, out)
                                         : (unsigned)SIM_SW_DATA;
    if (c->hash_len == 0)
        return SIM_SW_CONDITIONS;
    sw = sign(c, hashed, false, out);
    c->hash_len = 0;
    return sw;
}

/* V1 and V3 take what fits into one command. */
static unsigned decipher(struct gemsafe_sim *c, struct bytes cryptogram,
                         struct buf *out)
{
    unsigned sw;
    size_t key = key_for(c, CRT_CT, &sw);

    if (key == SIM_MAX_KEYS)
        return sw;
    if (cryptogram.len != sim_key_len(c->keys.key[key]) ||
        (c->variant != GEMSAFE_P15 && cryptogram.len > 255))
        return SIM_SW_LENGTH;
    return sim_decrypt_pkcs1(&c->keys, key, cryptogram, out);
}

static unsigned decipher_iso(struct gemsafe_sim *c,
                             const struct sim_command *cmd, struct buf *out)
{
    struct bytes body = cmd->body;
    uint8_t indicator;

    if (strcmp(c->decipher, "86") != 0)
        return SIM_SW_P1P2;
    if (!bytes_take_u8(&body, &indicator) || indicator != 0)
        return SIM_SW_DATA;
    return decipher(c, body, out);
}

unsigned gemsafe_pso(struct gemsafe_sim *c, const struct sim_command *cmd,
                     struct buf *out)
{
    unsigned op = (unsigned)cmd->p1 << 8 | cmd->p2;
    bool v1 = c->variant == GEMSAFE_V1;

    if ((cmd->cla == CLA_V1) != v1)
        return SIM_SW_CLA;
    if (op == 0x8084)
        return strcmp(c->decipher, "84") == 0 ? decipher(c, cmd->body, out)
                                              : (unsigned)SIM_SW_P1P2;
    if (op == 0x9EAC && v1)
        return sign_v1(c, cmd, out);
    if (op == 0x90A0 && !v1)
        return hash(c, cmd, out);
    if (op == 0x9E9A && !v1)
        return compute(c, cmd, out);
    if (op == 0x8086 && c->variant == GEMSAFE_P15)
        return decipher_iso(c, cmd, out);
    return SIM_SW_P1P2;
}
