/*
 * What keys of ISO 7816-15 cards do: MSE SET and PERFORM SECURITY OPERATION of
 * ISO 7816-8, each card in its own way.
 */
#include "card/driver/iso15_use.h"

#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    FEATURE_EXTENDED = 0x01,
    FEATURE_PSS = 0x08,
    FEATURES_LEN = 3,
    FIELD_MAX = 66 /* bytes: P-521 */
};

/* ---- IsoApplet's features ------------------------------------------------ */

/*
 * Version (2 bytes) and bits. Version 0 told them when it was selected, and
 * knows no GET DATA.
 */
int iso15_read_features(struct token *t)
{
    const struct apdu cmd = {.ins = INS_GET_DATA, .p1 = 0x01, .p2 = 0x01,
                             .le = FEATURES_LEN};
    struct iso15 *iso = t->priv;
    struct buf features = BUF_ON(iso->features_space);
    uint16_t sw;
    int rc;

    if (iso->features_len >= FEATURES_LEN ||
        (iso->card->quirks & QUIRK_APPLET_INFO) == 0)
        return 0;
    rc = apdu_exchange(t->reader, &cmd, &features, &sw);
    iso->features_len = features.len;
    return rc;
}

void iso15_use_transport(struct token *t)
{
    const struct iso15 *iso = t->priv;

    if (iso->features_len < FEATURES_LEN)
        return;
    t->reader->chaining = iso->features_space[0] == 0;
    t->reader->extended = !t->reader->chaining &&
                          (iso->features_space[2] & FEATURE_EXTENDED) != 0;
}

/* Version 0 hashes what ECDSA signs, by SHA-1: no hash can be signed. */
void iso15_use_features(struct token *t, struct card_key_info *key)
{
    const struct iso15 *iso = t->priv;

    if ((iso->card->quirks & QUIRK_APPLET_INFO) == 0)
        return;
    if (iso->features_len < FEATURES_LEN ||
        (iso->features_space[2] & FEATURE_PSS) == 0)
        key->can &= ~(unsigned)CARD_CAN_PSS;
    if (iso->features_len >= FEATURES_LEN && iso->features_space[0] == 0)
        key->can &= ~(unsigned)CARD_CAN_ECDSA;
}

/* ---- security environment ------------------------------------------------ */

static int put_algorithm(struct buf *body, int algorithm)
{
    const uint8_t byte = (uint8_t)algorithm;

    return algorithm < 0 ? 0 : tlv_put(body, 0x80, bytes_from(&byte, 1));
}

/* The key by its file's FID, or its reference, or both. */
static int put_key(struct buf *body, unsigned quirks,
                   const struct card_key_info *key)
{
    bool by_file = (quirks & QUIRK_KEY_FILE) != 0 || key->no_ref;
    uint8_t ref = (quirks & QUIRK_KEY_FILE) != 0      ? 0
                  : (quirks & QUIRK_REF_NIBBLES) != 0 ? key->ref & 0x0F
                                                      : key->ref;
    int rc = 0;

    if (by_file && key->path.len >= 2)
        rc = tlv_put(body, 0x81,
                     bytes_from(key->path.data + key->path.len - 2, 2));
    if (rc == 0 && (!key->no_ref || (quirks & QUIRK_KEY_FILE) != 0))
        rc = tlv_put(body, (quirks & QUIRK_REF_83) != 0 ? 0x83 : 0x84,
                     bytes_from(&ref, 1));
    return rc;
}

/* CardOS V5: 95, what the key is used for. */
static int put_environment(struct buf *env, uint8_t crt, int algorithm,
                           unsigned quirks, const struct card_key_info *key)
{
    static const uint8_t compute[] = {0x40};
    int rc;

    if ((rc = buf_put_u8(env, crt)) < 0)
        return rc;
    if ((quirks & QUIRK_REF_NIBBLES) != 0)
        rc = tlv_put(env, 0x95, BYTES_OF(compute));
    if (rc == 0)
        rc = put_algorithm(env, algorithm);
    return rc < 0 ? rc : put_key(env, quirks, key);
}

/*
 * Where the key is: its own DF, as the directory says. A key file that cannot
 * be selected is found by its reference.
 */
static int go_to_key(struct token *t, const struct card_key_info *key)
{
    const struct iso15 *iso = t->priv;
    unsigned elsewhere = QUIRK_KEY_FILE | QUIRK_NO_DF;
    int rc;

    if ((iso->card->quirks & elsewhere) != 0)
        return iso15_need_application(t);
    rc = iso15_go_to(t, &key->path);
    return apdu_refused(rc) && t->selected ? 0 : rc;
}

/* *kept: it is as it was set before, and was not sent again. */
static int set_environment(struct token *t, const struct card_key_info *key,
                           uint8_t crt, enum iso15_op op, bool *kept)
{
    struct iso15 *iso = t->priv;
    struct iso15_environment wanted;
    struct buf env = BUF_ON(wanted.data);
    int alg = iso15_algorithm(iso->card, &iso->info, key, op), rc;

    if ((rc = go_to_key(t, key)) < 0 ||
        (rc = put_environment(&env, crt, alg, iso->card->quirks, key)) < 0)
        return rc;
    *kept = *kept && bytes_equal(buf_view(&env),
                                 bytes_from(iso->env.data, iso->env.len));
    if (*kept)
        return 0;
    iso->env.len = 0;
    rc = iso_mse_set(t->reader, MSE_SET_COMPUTE, crt,
                     bytes_from(env.data + 1, env.len - 1));
    if (rc == 0 && !iso->forgets) {
        wanted.len = env.len;
        iso->env = wanted;
    }
    return rc;
}

/* ---- signatures ---------------------------------------------------------- */

/*
 * What was set for the last signature is not set again: if another program did
 * since, the signature is wrong, which is found out above. A card that forgets
 * refuses, once.
 */
static int compute(struct token *t, const struct card_key_info *key,
                   enum iso15_op op, struct bytes input, struct buf *out)
{
    struct iso15 *iso = t->priv;
    bool kept = true;
    size_t le = APDU_LE_MAX;
    int rc;

    if (key->bits > 8 * le)
        le = key->bits / 8;
    if ((rc = set_environment(t, key, CRT_DST, op, &kept)) < 0)
        return rc;
    rc = iso_pso_sign(t->reader, input, le, out);
    if (!kept || !apdu_refused(rc))
        return rc;
    kept = false;
    if ((rc = set_environment(t, key, CRT_DST, op, &kept)) == 0)
        rc = iso_pso_sign(t->reader, input, le, out);
    if (rc == 0) {
        iso->forgets = true;
        iso->env.len = 0;
    }
    return rc;
}

/*
 * The card writes the DigestInfo. The finished hash goes first, as with IAS
 * ECC cards; one that refuses it is given the midstate, then and later.
 */
static int compute_from_hash(struct token *t, const struct card_key_info *key,
                             const struct card_tbs *tbs, struct buf *sig)
{
    struct iso15 *iso = t->priv;
    const struct sha_midstate *mid = &tbs->midstate;
    struct bytes value = bytes_from(tbs->value, tbs->len);
    enum card_hash hash = tbs->hash;
    bool kept = false, know_midstate;
    enum iso15_op op;
    int rc;

    if (hash == CARD_HASH_NONE)
        hash_from_digest_info(value, &hash, &value);
    know_midstate = mid->hash == hash && mid->last_len > 0;
    op = hash == CARD_HASH_SHA1 ? OP_SHA1 : OP_SHA256;
    if ((hash != CARD_HASH_SHA1 && hash != CARD_HASH_SHA256) ||
        iso15_algorithm(iso->card, &iso->info, key, op) == ALG_NONE)
        return card_fail(CARD_E_UNSUPPORTED, "key \"%s\" signs hashes of "
                         "another kind only", key->label);
    if (!iso->hash_on_card || !know_midstate) {
        rc = compute(t, key, op, value, sig);
        if (!apdu_refused(rc) || !know_midstate)
            return rc;
    }
    if ((rc = set_environment(t, key, CRT_DST, op, &kept)) < 0 ||
        (rc = iso_pso_hash_rest(t->reader, mid)) < 0)
        return rc;
    rc = iso_pso_sign(t->reader, bytes_from(NULL, 0), APDU_LE_MAX, sig);
    iso->hash_on_card = rc == 0;
    return rc;
}

static int sign_digest_info(struct token *t, const struct card_key_info *key,
                            const struct card_tbs *tbs, struct buf *sig)
{
    const struct iso15 *iso = t->priv;
    struct bytes value = bytes_from(tbs->value, tbs->len);
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    int rc;

    if ((key->can & CARD_CAN_PKCS1) == 0)
        return compute_from_hash(t, key, tbs, sig);
    if ((rc = hash_pkcs1_block(tbs->hash, value, &block)) == 0)
        rc = compute(t, key, OP_PKCS1, buf_view(&block), sig);
    /* CardOS M4: perhaps it wants the padded block */
    if (apdu_refused(rc) && (iso->card->quirks & QUIRK_REF_83) != 0)
        return CARD_E_UNSUPPORTED;
    return rc;
}

static int sign_pss(struct token *t, const struct card_key_info *key,
                    const struct card_tbs *tbs, struct buf *sig)
{
    if (tbs->mgf_hash != tbs->hash || tbs->salt_len != hash_len(tbs->hash))
        return card_fail(CARD_E_UNSUPPORTED, "the card makes PSS signatures "
                         "with a salt as long as the hash only");
    return compute(t, key, OP_PSS, bytes_from(tbs->value, tbs->len), sig);
}

/* Cards give an Ecdsa-Sig-Value or r || s: what is the first, whole, is one. */
static int put_signature(struct bytes answer, size_t field, struct buf *sig)
{
    struct bytes r, s;
    int rc;

    if (!tlv_ecdsa(answer, &r, &s))
        return buf_put(sig, answer);
    rc = buf_put_number(sig, r, field);
    return rc < 0 ? rc : buf_put_number(sig, s, field);
}

/* The leftmost bytes of a hash longer than the field (FIPS 186-5 6.4.1). */
static int sign_ec(struct token *t, const struct card_key_info *key,
                   const struct card_tbs *tbs, struct buf *sig)
{
    const struct iso15 *iso = t->priv;
    size_t field = (key->bits + 7) / 8;
    struct bytes hash = bytes_from(tbs->value,
                                   tbs->len < field ? tbs->len : field);
    uint8_t in_space[FIELD_MAX], out_space[APDU_LE_MAX];
    struct buf input = BUF_ON(in_space), answer = BUF_ON(out_space);
    int rc;

    if (field > FIELD_MAX)
        return card_fail(CARD_E_UNSUPPORTED, "a curve of %u bits", key->bits);
    rc = (iso->card->quirks & QUIRK_FULL_HASH) != 0
             ? buf_put_number(&input, hash, field)
             : buf_put(&input, hash);
    if (rc < 0 ||
        (rc = compute(t, key, OP_ECDSA, buf_view(&input), &answer)) < 0)
        return rc;
    return put_signature(buf_view(&answer), field, sig);
}

int iso15_sign(struct token *t, const struct card_key_info *key,
               const struct card_tbs *tbs, struct buf *sig)
{
    if (key->type == CARD_KEY_EC)
        return sign_ec(t, key, tbs, sig);
    switch (tbs->padding) {
    case CARD_PAD_PKCS1:
        return sign_digest_info(t, key, tbs, sig);
    case CARD_PAD_PSS:
        return sign_pss(t, key, tbs, sig);
    case CARD_PAD_NONE:
        break;
    }
    return compute(t, key, OP_RAW, bytes_from(tbs->value, tbs->len), sig);
}

/* ---- decryption ---------------------------------------------------------- */

/*
 * MyEID takes 256 bytes in two commands, marked by the padding indicator: all
 * its versions do, and not all know command chaining.
 */
static int decipher_halves(struct token *t, struct bytes cryptogram,
                           struct buf *plain)
{
    uint8_t space[1 + 128];
    struct buf half = BUF_ON(space);
    struct apdu cmd = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86};
    uint16_t sw;
    int rc;

    buf_put_u8(&half, 0x81);
    buf_put(&half, bytes_from(cryptogram.data, 128));
    cmd.data = buf_view(&half);
    if ((rc = apdu_exchange(t->reader, &cmd, NULL, &sw)) < 0 ||
        (rc = apdu_sw_error(sw, "decipher")) < 0)
        return rc;
    half.len = 0;
    buf_put_u8(&half, 0x82);
    buf_put(&half, bytes_from(cryptogram.data + 128, 128));
    cmd.data = buf_view(&half);
    cmd.le = APDU_LE_MAX;
    if ((rc = apdu_exchange(t->reader, &cmd, plain, &sw)) < 0)
        return rc;
    return apdu_sw_error(sw, "decipher");
}

static int decipher(struct token *t, const struct card_key_info *key,
                    struct bytes cryptogram, struct buf *plain)
{
    const struct iso15 *iso = t->priv;
    size_t le = APDU_LE_MAX;

    if ((iso->card->quirks & QUIRK_HALVES) != 0 && cryptogram.len == 256)
        return decipher_halves(t, cryptogram, plain);
    if (key->bits > 8 * le)
        le = key->bits / 8;
    return iso_pso_decipher(t->reader, 0x00, cryptogram, le, plain);
}

/* RSADP gives a number: a card may leave out the zeros before it. */
static int put_block(const struct card_key_info *key, struct bytes number,
                     struct buf *plain)
{
    int rc = 0;

    for (size_t i = number.len; rc == 0 && i < (key->bits + 7) / 8; i++)
        rc = buf_put_u8(plain, 0);
    return rc < 0 ? rc : buf_put(plain, number);
}

int iso15_decrypt(struct token *t, const struct card_key_info *key,
                  const struct card_unpad *how, struct bytes cryptogram,
                  struct buf *plain)
{
    bool raw = how->padding == CARD_UNPAD_NONE, kept = false;
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    int rc;

    if (!raw && how->padding != CARD_UNPAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes PKCS#1 v1.5 "
                         "padding only");
    rc = set_environment(t, key, CRT_CT, raw ? OP_DECIPHER_RAW : OP_DECIPHER,
                         &kept);
    if (rc < 0) /* not a word on the cryptogram's padding */
        return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
    if (cryptogram.len >= 0xFF && !t->reader->chaining &&
        !t->reader->extended)
        return card_fail(CARD_E_UNSUPPORTED, "a cryptogram of %zu bytes goes "
                         "through no command of this card", cryptogram.len);
    rc = decipher(t, key, cryptogram, raw ? &block : plain);
    if (rc == 0 && raw)
        rc = put_block(key, buf_view(&block), plain);
    buf_wipe(&block);
    return apdu_refused(rc) ? CARD_E_STATUS : rc;
}

/* ---- key agreement ------------------------------------------------------- */

/*
 * GENERAL AUTHENTICATE: 7C { 85 point }, as MyEID has it; OsEID looks at the
 * file that is current. Nobody could tell a secret of a wrong key from a right
 * one: neither file nor environment are taken as still set.
 */
int iso15_derive(struct token *t, const struct card_key_info *key,
                 struct bytes peer, struct buf *secret)
{
    uint8_t inner_space[160], space[164];
    struct buf inner = BUF_ON(inner_space), data = BUF_ON(space);
    struct apdu cmd = {.ins = INS_GENERAL_AUTHENTICATE, .le = APDU_LE_MAX};
    struct iso15 *iso = t->priv;
    bool kept = false;
    uint16_t sw;
    int rc;

    iso->current.len = 0;
    if ((rc = iso15_go_to(t, &key->path)) < 0 ||
        (rc = set_environment(t, key, CRT_AT, OP_DERIVE, &kept)) < 0 ||
        (rc = tlv_put(&inner, 0x85, peer)) < 0 ||
        (rc = tlv_put(&data, 0x7C, buf_view(&inner))) < 0)
        return rc;
    cmd.data = buf_view(&data);
    if ((rc = apdu_exchange(t->reader, &cmd, secret, &sw)) < 0)
        return rc;
    return apdu_sw_error(sw, "agree on a secret");
}
