/*
 * Private keys of the simulated OpenPGP card (fact sheet openpgp, section 4).
 */
#include <string.h>

#include "tests/sim/openpgp_int.h"
#include "tests/sim/template.h"

enum { CDS = 0x9E9A, DECIPHER = 0x8086, MESSAGE_MAX = 1024 };

static bool is_25519(const EVP_PKEY *key)
{
    int id = EVP_PKEY_get_base_id(key);

    return id == EVP_PKEY_ED25519 || id == EVP_PKEY_X25519;
}

static unsigned sign_ecdsa(struct sim_pgp *p, enum sim_pgp_slot slot,
                           struct bytes input, struct buf *out)
{
    uint8_t space[2 * 66];
    struct buf rs = BUF_ON(space);
    struct bytes s, r;
    unsigned sw = sim_sign_ecdsa(&p->keys, slot, input, false, &rs);

    if (sw != SIM_SW_OK || !p->signed_numbers)
        return buf_put(out, buf_view(&rs)) < 0 ? SIM_SW_ERROR : sw;
    s = buf_view(&rs);
    bytes_take(&s, s.len / 2, &r);
    if (buf_put_u8(out, 0) < 0 || buf_put(out, r) < 0 ||
        buf_put_u8(out, 0) < 0 || buf_put(out, s) < 0)
        return SIM_SW_ERROR;
    return sw;
}

/* Hashes are as long as the curve's own; a DigestInfo is at most 40 %. */
static unsigned compute(struct sim_pgp *p, enum sim_pgp_slot slot,
                        struct bytes input, struct buf *out)
{
    const EVP_PKEY *key = p->keys.key[slot];

    if (p->touch)
        return SIM_SW_CONDITIONS;
    if (sim_key_is_rsa(key))
        return input.len * 5 > sim_key_len(key) * 2
                   ? (unsigned)SIM_SW_LENGTH
                   : sim_sign_pkcs1(&p->keys, slot, input, out);
    if (is_25519(key))
        return input.len > MESSAGE_MAX
                   ? (unsigned)SIM_SW_LENGTH
                   : sim_sign_eddsa(&p->keys, slot, input, out);
    if (input.len != sim_key_len(key))
        return SIM_SW_CONDITIONS;
    return sign_ecdsa(p, slot, input, out);
}

static unsigned sign(struct sim_pgp *p, struct bytes input, struct buf *out)
{
    unsigned sw;

    if (!p->sign_verified)
        return SIM_SW_SECURITY;
    sw = compute(p, PGP_SIG, input, out);
    if (!p->several)
        p->sign_verified = false;
    if (sw == SIM_SW_OK)
        p->signatures++;
    return sw;
}

/* A6 { 7F49 { 86 point } } */
static unsigned agree(struct sim_pgp *p, struct bytes input, struct buf *out)
{
    struct bytes value = input;
    const unsigned path[] = {0xA6, 0x7F49, 0x86};
    unsigned tag;

    for (size_t i = 0; i < nitems(path); i++) {
        struct bytes cursor = value;

        if (!template_take_tlv(&cursor, &tag, &value) || tag != path[i] ||
            cursor.len != 0)
            return SIM_SW_DATA;
    }
    if (p->prefix && is_25519(p->keys.key[PGP_DEC]) &&
        buf_put_u8(out, 0x40) < 0)
        return SIM_SW_ERROR;
    return sim_derive(&p->keys, PGP_DEC, value, out);
}

static unsigned decipher(struct sim_pgp *p, struct bytes input,
                         struct buf *out)
{
    uint8_t indicator;

    if (!p->other_verified)
        return SIM_SW_SECURITY;
    if (p->touch)
        return SIM_SW_CONDITIONS;
    if (!sim_key_is_rsa(p->keys.key[PGP_DEC]))
        return agree(p, input, out);
    if (!bytes_take_u8(&input, &indicator) || indicator != 0x00)
        return SIM_SW_DATA;
    return sim_decrypt_pkcs1(&p->keys, PGP_DEC, input, out);
}

unsigned sim_pgp_pso(struct sim_pgp *p, const struct sim_command *cmd,
                     struct buf *out)
{
    switch (cmd->p1 << 8 | cmd->p2) {
    case CDS:
        return sign(p, cmd->body, out);
    case DECIPHER:
        return decipher(p, cmd->body, out);
    default:
        return SIM_SW_P1P2;
    }
}

unsigned sim_pgp_authenticate(struct sim_pgp *p, const struct sim_command *cmd,
                              struct buf *out)
{
    if (cmd->p1 != 0 || cmd->p2 != 0)
        return SIM_SW_P1P2;
    if (!p->other_verified)
        return SIM_SW_SECURITY;
    return compute(p, PGP_AUT, cmd->body, out);
}
