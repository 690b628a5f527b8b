/*
 * IAS ECC 1.0.1 cards; so far the French health professional's card CPS3 in
 * contact. Implements the European card for e-Services and National e-ID
 * applications' technical specification 1.0.1 as far as these cards show it,
 * ISO 7816-4/-8 for commands and ISO 7816-15 for the directories.
 */
#include "card/driver/p15_token.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum { IAS_CHUNK = 231 }; /* bytes a READ BINARY: what all makers bear (E7) */

/* Algorithm references of MSE tag 80. */
enum {
    IAS_ALG_AUTH = 0x02,        /* PKCS#1 v1.5 over a DigestInfo */
    IAS_ALG_SHA1_RSA = 0x12,
    IAS_ALG_SHA256_RSA = 0x42,
    IAS_ALG_DECIPHER = 0x1A,
    IAS_ALG_SHA1 = 0x10,
    IAS_ALG_SHA256 = 0x40
};

static const uint8_t cps3_history[] = {0x12, 0x25, 0x00, 0x64, 0x80};
static const uint8_t cps3_aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                   0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};
static const uint8_t root_aid[] = {0x80, 0x25, 0x00, 0x00,
                                   0x01, 0xFF, 0x01, 0x00};
static const uint8_t path_mf[] = {0x3F, 0x00};
static const uint8_t path_sn[] = {0x3F, 0x00, 0xD0, 0x03};

struct ias {
    struct p15_token p15; /* first */
    bool no_sdo;       /* the card holds no PIN objects: VERIFY alone tells */
    bool hash_on_card; /* it refused a finished hash: it wants the midstate */
};

/* ---- recognition ------------------------------------------------------- */

/*
 * CPS3: country code 250 and pre-issuing data in the historical bytes; where
 * a CPS4 has "04 01" within the four bytes that follow, it is another card.
 */
static bool atr_is_cps3(const struct reader *r)
{
    struct bytes atr = bytes_from(r->atr, r->atr_len);
    struct bytes mark = BYTES_OF(cps3_history);

    for (; atr.len >= mark.len + 4; atr.data++, atr.len--) {
        const uint8_t *maker = atr.data + mark.len;

        if (bytes_start_with(atr, mark))
            return !(maker[0] == 0x04 && maker[1] == 0x01) &&
                   !(maker[1] == 0x04 && maker[2] == 0x01);
    }
    return false;
}

/*
 * Eight BCD digits after the issuer's five bytes; what is not of that form is
 * shown as hex, whole.
 */
static void format_serial(struct bytes value, struct token *t)
{
    struct bytes digits = value;
    struct bytes issuer;

    if (value.len == 10 && bytes_take(&digits, 5, &issuer))
        digits.len = 4;
    bytes_to_hex(digits, t->serial, sizeof(t->serial));
}

/* EF.SN: 5A LL value. On a CPS3 twelve bytes, so they are asked for at once. */
static int read_serial(struct token *t)
{
    uint8_t space[64];
    struct buf sn = BUF_ON(space);
    struct bytes cursor;
    struct tlv tlv;
    int rc;

    t->selected = false;
    if ((rc = iso_select(t->reader, SELECT_PATH, SELECT_FCP,
                         BYTES_OF(path_sn), NULL)) < 0 ||
        (rc = iso_read_binary(t->reader, 0, 12, IAS_CHUNK, &sn)) < 0)
        return rc;
    cursor = buf_view(&sn);
    if (!tlv_next_is(&cursor, 0x5A, &tlv) || tlv.value.len == 0)
        return card_fail(CARD_E_PROTOCOL, "EF.SN holds no serial number");
    format_serial(tlv.value, t);
    return 0;
}

static const struct p15_dialect ias_dialect;

static int make_priv(struct token *t)
{
    struct ias *ias = calloc(1, sizeof(*ias));

    if (ias == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    ias->p15.dialect = &ias_dialect;
    t->priv = ias;
    return 0;
}

static int ias_probe(struct token *t)
{
    int rc;

    if (!atr_is_cps3(t->reader))
        return CARD_E_NOT_MINE;
    t->reader->chaining = true;
    if ((rc = read_serial(t)) < 0)
        return rc;
    if (t->priv == NULL && (rc = make_priv(t)) < 0)
        return rc;
    snprintf(t->model, sizeof(t->model), "IAS ECC");
    snprintf(t->title, sizeof(t->title), "CPS3 %s", t->serial);
    return 0;
}

static void ias_close(struct token *t)
{
    free(t->priv);
    t->priv = NULL;
}

/* ---- files --------------------------------------------------------------- */

static int ias_select(struct token *t)
{
    struct bytes aid = BYTES_OF(cps3_aid);
    int rc;

    t->selected = false;
    rc = iso_select(t->reader, SELECT_NAME, SELECT_NO_ANSWER, aid, NULL);
    if (rc == CARD_E_STATUS || rc == CARD_E_UNSUPPORTED) {
        /* 6E00, 6A86: another application has the card; leave it first */
        rc = iso_select(t->reader, SELECT_NAME, SELECT_NO_ANSWER,
                        BYTES_OF(root_aid), NULL);
        if (rc == 0)
            rc = iso_select(t->reader, SELECT_NAME, SELECT_NO_ANSWER, aid,
                            NULL);
    }
    t->selected = rc == 0;
    return rc;
}

static int need_application(struct token *t)
{
    return t->selected ? 0 : ias_select(t);
}

/* Make an EF of the application current. */
static int select_file(struct token *t, struct bytes path)
{
    int rc;

    if (bytes_start_with(path, BYTES_OF(path_mf)) && path.len > 2) {
        t->selected = false;
        return iso_select(t->reader, SELECT_PATH, SELECT_FCP, path, NULL);
    }
    if ((rc = need_application(t)) < 0)
        return rc;
    return iso_select(t->reader, path.len == 2 ? SELECT_FID : SELECT_PATH,
                      SELECT_FCP, path, NULL);
}

/*
 * IAS ECC gives a key one of two ways to sign: nonRepudiation keys compute a
 * digital signature over a hash, the others authenticate over a DigestInfo.
 */
static void judge_key(struct token *t, struct card_key_info *k)
{
    (void)t;
    if ((k->usage & P15_USAGE_NON_REPUDIATION) != 0) {
        k->uses |= CARD_USE_SIGN;
        k->can |= CARD_CAN_PKCS1_HASH | CARD_CAN_MIDSTATE;
    } else if ((k->usage & P15_USAGE_SIGN) != 0) {
        k->uses |= CARD_USE_AUTH;
        k->can |= CARD_CAN_PKCS1;
    }
    if ((k->usage & (P15_USAGE_DECRYPT | P15_USAGE_UNWRAP)) != 0) {
        k->uses |= CARD_USE_DECRYPT;
        k->can |= CARD_CAN_DECRYPT_PKCS1;
    }
}

/* No mark of this card's content is read yet: nothing of it is cached. */
static int ias_mark(struct token *t, struct buf *mark)
{
    (void)t;
    (void)mark;
    return CARD_E_NOT_FOUND;
}

static const struct p15_dialect ias_dialect = {
    .chunk = IAS_CHUNK,
    .select_file = select_file,
    .judge = judge_key,
    .mark = ias_mark,
};

/* ---- PIN ----------------------------------------------------------------- */

/* DOCP of a PIN object: 9A maximum, 9B remaining, 9D usages left. */
static int parse_docp(struct bytes answer, uint8_t ref,
                      struct card_pin_info *pin)
{
    const uint32_t path[] = {0x70, 0xBF8100U | ref, 0xA0, 0};
    struct tlv docp, max, left, usage;
    uint32_t max_value, left_value, usage_value;

    if (!tlv_find_path(answer, path, &docp) ||
        !tlv_find(docp.value, 0x9A, &max) ||
        !tlv_find(docp.value, 0x9B, &left) ||
        !tlv_unsigned(max.value, &max_value) ||
        !tlv_unsigned(left.value, &left_value) ||
        max_value > 15 || left_value > max_value)
        return card_fail(CARD_E_PROTOCOL, "PIN object %u is malformed", ref);
    if (tlv_find(docp.value, 0x9D, &usage) &&
        tlv_unsigned(usage.value, &usage_value) && usage_value == 0)
        left_value = 0; /* used up: blocked, whatever the tries say */
    pin->tries_max = (int)max_value;
    pin->tries_left = (int)left_value;
    return 0;
}

/*
 * The PIN's data object. It answers from the MF only, and holds the maximum,
 * which VERIFY never tells. CARD_E_NOT_FOUND: a card without such objects.
 */
static int read_docp(struct token *t, struct card_pin_info *pin)
{
    const uint8_t ref = pin->ref & 0x1F;
    const uint8_t header[] = {0x4D, 0x08, 0x70, 0x06, 0xBF,
                              0x81, ref,  0x02, 0xA0, 0x80};
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    int rc;

    t->selected = false;
    if ((rc = iso_select(t->reader, SELECT_PATH, SELECT_NO_ANSWER,
                         BYTES_OF(path_mf), NULL)) < 0 ||
        (rc = iso_get_data(t->reader, 0x3FFF, BYTES_OF(header), &answer)) < 0)
        return rc;
    return parse_docp(buf_view(&answer), ref, pin);
}

/*
 * The object is asked once for the maximum; later an empty VERIFY tells what
 * is left at a third of the price, unless the PIN is verified, which hides it.
 */
static int ias_pin_status(struct token *t, struct card_pin_info *pin)
{
    struct ias *ias = t->priv;
    int rc;

    pin->verified = false;
    if (!ias->no_sdo && pin->tries_max == CARD_TRIES_UNKNOWN) {
        rc = read_docp(t, pin);
        if (rc != CARD_E_NOT_FOUND && rc != CARD_E_UNSUPPORTED)
            return rc;
        ias->no_sdo = true;
    }
    if ((rc = need_application(t)) < 0)
        return rc;
    rc = iso_verify_query(t->reader, pin->ref, &pin->verified,
                          &pin->tries_left);
    if (rc == 0 && pin->verified && !ias->no_sdo)
        rc = read_docp(t, pin);
    if (rc != CARD_E_UNSUPPORTED)
        return rc;
    pin->tries_left = CARD_TRIES_UNKNOWN;
    return 0;
}

static int ias_verify(struct token *t, struct card_pin_info *pin,
                      struct bytes value)
{
    int rc = need_application(t);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}

/* ---- keys ---------------------------------------------------------------- */

/* The card understood and said no, for another reason than the PIN. */
static bool card_refused(int rc)
{
    return rc == CARD_E_STATUS || rc == CARD_E_UNSUPPORTED ||
           rc == CARD_E_NOT_FOUND;
}

static int set_environment(struct token *t, uint8_t crt, uint8_t algorithm,
                           const struct card_key_info *key)
{
    const uint8_t body[] = {0x80, 1, algorithm, 0x84, 1, key->ref};
    int rc = need_application(t);

    return rc < 0 ? rc
                  : iso_mse_set(t->reader, MSE_SET_COMPUTE, crt,
                                BYTES_OF(body));
}

/* INTERNAL AUTHENTICATE pads what it is given, up to 40 % of the modulus. */
static int authenticate(struct token *t, const struct card_key_info *key,
                        struct bytes block, struct buf *sig)
{
    size_t limit = key->bits / 8 * 2 / 5;
    int rc;

    if (block.len > limit)
        return card_fail(CARD_E_UNSUPPORTED,
                         "key \"%s\" signs at most %zu bytes, not %zu: use a "
                         "shorter hash", key->label, limit, block.len);
    if ((rc = set_environment(t, CRT_AT, IAS_ALG_AUTH, key)) < 0)
        return rc;
    return iso_internal_authenticate(t->reader, block, key->bits / 8, sig);
}

/*
 * PSO HASH with the state after all blocks but the last, and the last block:
 * the card does the last step itself (IAS ECC 1.0.1, hash off/on card).
 */
static int finish_hash_on_card(struct token *t, uint8_t algorithm,
                               const struct sha_midstate *mid)
{
    const uint8_t environment[] = {0x80, 1, algorithm};
    uint8_t state_space[sizeof(mid->state) + 8], space[128];
    struct buf state = BUF_ON(state_space), tlvs = BUF_ON(space);
    int rc = 0;

    if (mid->bits > 0) {
        rc = buf_put(&state, bytes_from(mid->state, hash_len(mid->hash)));
        for (int shift = 56; rc == 0 && shift >= 0; shift -= 8)
            rc = buf_put_u8(&state, (uint8_t)(mid->bits >> shift));
    }
    if (rc < 0 || (rc = tlv_put(&tlvs, 0x90, buf_view(&state))) < 0 ||
        (rc = tlv_put(&tlvs, 0x80, bytes_from(mid->last, mid->last_len))) < 0 ||
        (rc = iso_mse_set(t->reader, MSE_SET_COMPUTE, CRT_HT,
                          BYTES_OF(environment))) < 0)
        return rc;
    return iso_pso_hash(t->reader, buf_view(&tlvs));
}

static int sign_from_midstate(struct token *t, const struct card_key_info *key,
                              const struct sha_midstate *mid, struct buf *sig)
{
    bool sha1 = mid->hash == CARD_HASH_SHA1;
    int rc;

    if ((rc = need_application(t)) < 0 ||
        (rc = finish_hash_on_card(t, sha1 ? IAS_ALG_SHA1 : IAS_ALG_SHA256,
                                  mid)) < 0 ||
        (rc = set_environment(t, CRT_DST,
                              sha1 ? IAS_ALG_SHA1_RSA : IAS_ALG_SHA256_RSA,
                              key)) < 0)
        return rc;
    return iso_pso_sign(t->reader, bytes_from(NULL, 0), key->bits / 8, sig);
}

static int sign_finished_hash(struct token *t, const struct card_key_info *key,
                              enum card_hash hash, struct bytes value,
                              struct buf *sig)
{
    uint8_t algorithm =
        hash == CARD_HASH_SHA1 ? IAS_ALG_SHA1_RSA : IAS_ALG_SHA256_RSA;
    int rc = set_environment(t, CRT_DST, algorithm, key);

    return rc < 0 ? rc : iso_pso_sign(t->reader, value, key->bits / 8, sig);
}

/*
 * A signature key takes SHA-1 or SHA-256. The finished hash goes first: two
 * APDUs less than the card finishing it, and CPS3 takes both. A card that
 * refuses it (no PIN try is spent by that) is given the midstate, from then on
 * at once; whoever knows only the finished hash gets the card's refusal.
 */
static int compute_signature(struct token *t, const struct card_key_info *key,
                             const struct card_tbs *tbs, struct buf *sig)
{
    struct ias *ias = t->priv;
    struct bytes value = bytes_from(tbs->value, tbs->len);
    enum card_hash hash = tbs->hash;
    bool know_midstate = tbs->midstate.hash != CARD_HASH_NONE &&
                         tbs->midstate.last_len > 0;
    int rc;

    if (hash == CARD_HASH_NONE)
        hash_from_digest_info(value, &hash, &value);
    if (hash != CARD_HASH_SHA1 && hash != CARD_HASH_SHA256)
        return card_fail(CARD_E_UNSUPPORTED,
                         "signature key \"%s\" signs SHA-256 (or SHA-1) "
                         "hashes only", key->label);
    if (ias->hash_on_card && know_midstate)
        return sign_from_midstate(t, key, &tbs->midstate, sig);
    rc = sign_finished_hash(t, key, hash, value, sig);
    if (!card_refused(rc) || !know_midstate)
        return rc;
    rc = sign_from_midstate(t, key, &tbs->midstate, sig);
    ias->hash_on_card = rc == 0;
    return rc;
}

static int ias_sign(struct token *t, const struct card_key_info *key,
                    const struct card_tbs *tbs, struct buf *sig)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf block = BUF_ON(space);
    struct bytes value = bytes_from(tbs->value, tbs->len);
    int rc;

    if ((key->can & CARD_CAN_PKCS1) == 0)
        return compute_signature(t, key, tbs, sig);
    if (tbs->hash == CARD_HASH_NONE)
        return authenticate(t, key, value, sig);
    if ((rc = hash_digest_info(tbs->hash, value, &block)) < 0)
        return rc;
    return authenticate(t, key, buf_view(&block), sig);
}

static int ias_decrypt(struct token *t, const struct card_key_info *key,
                       const struct card_unpad *how, struct bytes cryptogram,
                       struct buf *plain)
{
    int rc;

    if (how->padding != CARD_UNPAD_PKCS1)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes PKCS#1 v1.5 "
                         "padding only");
    rc = set_environment(t, CRT_CT, IAS_ALG_DECIPHER, key);
    if (rc < 0) /* not a word on the cryptogram's padding */
        return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
    rc = iso_pso_decipher(t->reader, 0x81, cryptogram, key->bits / 8, plain);
    return card_refused(rc) ? CARD_E_STATUS : rc;
}

const struct driver driver_ias = {
    .name = "ias",
    .likely = atr_is_cps3,
    .probe = ias_probe,
    .select = ias_select,
    .list = p15_token_list,
    .read_cert = p15_token_read_cert,
    .pin_status = ias_pin_status,
    .verify = ias_verify,
    .sign = ias_sign,
    .decrypt = ias_decrypt,
    .close = ias_close,
};
