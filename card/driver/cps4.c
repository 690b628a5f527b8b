/*
 * The French health professional's card CPS4: NXP ChipDoc, with the files of a
 * CPS3 and keys of other ways. Facts: fact sheet cps3 (section 6), after the
 * public sources of the issuer's own software.
 *
 * ChipDoc is spoken to on logical channel 1; the basic channel is left to the
 * applet that stands for the card's predecessor.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/driver/ias.h"
#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"

enum {
    CHANNEL_BASIC = 0,
    CHANNEL_CHIPDOC = 1,
    SELECT_ANY = 0x00, /* P1: by FID, of the MF or below the current DF */
    MSE_SET_SIGN = 0x81,
    KEY_OF_HASH = 0x80, /* with a key's number: what comes is a hash */
    PIN_TRIES = 3
};

static const uint8_t chipdoc[] = {0x80, 0x25, 0x00, 0x00,
                                  0x01, 0xFF, 0x01, 0x00};
static const uint8_t predecessor[] = {0x80, 0x25, 0x00, 0x00,
                                      0x01, 0xFF, 0x00, 0x02};
static const uint8_t card_manager[] = {0xA0, 0x00, 0x00, 0x01,
                                       0x51, 0x00, 0x00};
static const uint8_t application[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                      0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};
const struct bytes cps4_application = {application, sizeof(application)};
static const uint8_t path_mf[] = {0x3F, 0x00};
static const uint8_t fid_sn[] = {0xD0, 0x03};

/* ---- where the card is --------------------------------------------------- */

static int select_on(struct token *t, uint8_t channel, struct bytes aid)
{
    t->reader->channel = channel;
    return iso_select(t->reader, SELECT_NAME, SELECT_NO_ANSWER, aid, NULL);
}

/*
 * The recovery of the issuer's software, for a channel that was lost or that
 * another applet has: whatever the first two say, the last one counts.
 */
static int recover(struct token *t)
{
    int rc;

    rc = select_on(t, CHANNEL_CHIPDOC, BYTES_OF(card_manager));
    if (rc < 0 && !apdu_refused(rc))
        return rc;
    rc = select_on(t, CHANNEL_BASIC, BYTES_OF(predecessor));
    if (rc < 0 && !apdu_refused(rc))
        return rc;
    return select_on(t, CHANNEL_CHIPDOC, BYTES_OF(chipdoc));
}

static int enter_chipdoc(struct token *t)
{
    int rc;

    t->selected = false;
    rc = select_on(t, CHANNEL_CHIPDOC, BYTES_OF(chipdoc));
    return apdu_refused(rc) ? recover(t) : rc;
}

static int cps4_select(struct token *t)
{
    int rc;

    t->selected = false;
    rc = select_on(t, CHANNEL_CHIPDOC, BYTES_OF(application));
    if (apdu_refused(rc) && (rc = enter_chipdoc(t)) == 0)
        rc = select_on(t, CHANNEL_CHIPDOC, BYTES_OF(application));
    t->selected = rc == 0;
    return rc;
}

static int need_application(struct token *t)
{
    return t->selected ? 0 : cps4_select(t);
}

/* ---- files --------------------------------------------------------------- */

static int select_ef(struct token *t, uint8_t p1, struct bytes path)
{
    return iso_select(t->reader, p1, SELECT_FCP, path, NULL);
}

/* A whole path goes in two steps: P1 09 knows no 3F00 here. */
static int select_file(struct token *t, struct bytes path)
{
    struct bytes mf;
    int rc;

    if (!bytes_start_with(path, BYTES_OF(path_mf)) || path.len == 2) {
        rc = need_application(t);
        return rc < 0 ? rc
                      : select_ef(t, path.len == 2 ? SELECT_FID : SELECT_PATH,
                                  path);
    }
    t->selected = false;
    t->reader->channel = CHANNEL_CHIPDOC;
    bytes_take(&path, sizeof(path_mf), &mf);
    rc = iso_select(t->reader, SELECT_ANY, SELECT_NO_ANSWER, mf, NULL);
    return rc < 0 ? rc : select_ef(t, SELECT_PATH, path);
}

/* nonRepudiation: the card signs hashes. The other key exponentiates. */
static void judge_key(struct token *t, struct card_key_info *k)
{
    (void)t;
    if ((k->usage & P15_USAGE_NON_REPUDIATION) != 0) {
        k->uses = CARD_USE_SIGN;
        k->can = CARD_CAN_PKCS1_HASH | CARD_CAN_PSS;
        return;
    }
    if ((k->usage & P15_USAGE_SIGN) != 0) {
        k->uses |= CARD_USE_AUTH;
        k->can |= CARD_CAN_RAW_SIGN;
    }
    if ((k->usage & (P15_USAGE_DECRYPT | P15_USAGE_UNWRAP)) != 0) {
        k->uses |= CARD_USE_DECRYPT;
        k->can |= CARD_CAN_DECRYPT_RAW;
    }
}

static const struct p15_dialect dialect = {
    .chunk = APDU_LE_MAX,
    .select_file = select_file,
    .judge = judge_key,
    .mark = p15_token_last_update,
};

/* ---- recognition --------------------------------------------------------- */

static int read_serial(struct token *t)
{
    uint8_t space[IAS_CPS_SERIAL];
    struct buf sn = BUF_ON(space);
    int rc;

    if ((rc = enter_chipdoc(t)) < 0 ||
        (rc = select_ef(t, SELECT_ANY, BYTES_OF(fid_sn))) < 0 ||
        (rc = iso_read_binary(t->reader, 0, sizeof(space), APDU_LE_MAX,
                              &sn)) < 0)
        return rc;
    return ias_format_serial(buf_view(&sn), IAS_CPS, t->serial);
}

static int cps4_probe(struct token *t)
{
    struct p15_token *p15 = t->priv;
    int rc;

    if (!ias_is_cps4(t->reader))
        return CARD_E_NOT_MINE;
    t->reader->chaining = true;
    if (p15 == NULL && (p15 = calloc(1, sizeof(*p15))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    p15->dialect = &dialect;
    t->priv = p15;
    if ((rc = read_serial(t)) < 0)
        return rc;
    snprintf(t->model, sizeof(t->model), "ChipDoc");
    snprintf(t->title, sizeof(t->title), "CPS4 %s", t->serial);
    return 0;
}

static void cps4_close(struct token *t)
{
    free(t->priv);
    t->priv = NULL;
}

/* ---- PIN ----------------------------------------------------------------- */

/* There is no other word on the maximum than that it is three. */
static int cps4_pin_status(struct token *t, struct card_pin_info *pin)
{
    int rc = need_application(t);

    if (rc < 0)
        return rc;
    rc = iso_verify_query(t->reader, pin->ref, &pin->verified,
                          &pin->tries_left);
    if (rc == CARD_E_UNSUPPORTED && (rc = cps4_select(t)) == 0)
        rc = iso_verify_query(t->reader, pin->ref, &pin->verified,
                              &pin->tries_left);
    if (rc == 0)
        pin->tries_max = PIN_TRIES;
    return rc;
}

static int cps4_verify(struct token *t, struct card_pin_info *pin,
                       struct bytes value)
{
    int rc = need_application(t);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}

/* ---- keys ---------------------------------------------------------------- */

/* RSASP1 and RSADP are one command: the block is bare, without an indicator. */
static int exponentiate(struct token *t, const struct card_key_info *key,
                        struct bytes block, struct buf *out)
{
    const struct apdu pso = {.ins = INS_PSO, .p1 = 0x80, .p2 = 0x86,
                             .data = block, .le = key->bits / 8};
    uint16_t sw;
    int rc = apdu_exchange(t->reader, &pso, out, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, "decipher");
}

static int set_decipher(struct token *t, const struct card_key_info *key)
{
    const uint8_t body[] = {0x83, 1, key->ref};
    int rc = need_application(t);

    return rc < 0 ? rc
                  : iso_mse_set(t->reader, MSE_SET_COMPUTE, CRT_CT,
                                BYTES_OF(body));
}

static int sign_block(struct token *t, const struct card_key_info *key,
                      struct bytes block, struct buf *sig)
{
    int rc;

    if (block.len != key->bits / 8)
        return CARD_E_UNSUPPORTED;
    rc = set_decipher(t, key);
    return rc < 0 ? rc : exponentiate(t, key, block, sig);
}

/* MSE tag 91. The salt of PSS is as long as the hash. */
static uint8_t algorithm_of(enum card_hash hash, const struct card_tbs *tbs)
{
    static const struct {
        enum card_hash hash;
        uint8_t pkcs1, pss;
    } rows[] = {
        {CARD_HASH_SHA1,   0x0A, 0x15},
        {CARD_HASH_SHA256, 0x28, 0x2C},
    };
    bool pss = tbs->padding == CARD_PAD_PSS;

    if (pss && (tbs->mgf_hash != hash || tbs->salt_len != hash_len(hash)))
        return 0;
    for (size_t i = 0; i < nitems(rows); i++)
        if (rows[i].hash == hash)
            return pss ? rows[i].pss : rows[i].pkcs1;
    return 0;
}

static int sign_hash(struct token *t, const struct card_key_info *key,
                     const struct card_tbs *tbs, struct buf *sig)
{
    struct bytes value = bytes_from(tbs->value, tbs->len);
    enum card_hash hash = tbs->hash;
    uint8_t body[] = {0x91, 2, 0, key->ref | KEY_OF_HASH};
    int rc;

    if (hash == CARD_HASH_NONE)
        hash_from_digest_info(value, &hash, &value);
    if ((body[2] = algorithm_of(hash, tbs)) == 0)
        return card_fail(CARD_E_UNSUPPORTED, "signature key \"%s\" signs "
                         "SHA-256 (or SHA-1) hashes only, PSS with a salt as "
                         "long as the hash", key->label);
    if ((rc = need_application(t)) < 0 ||
        (rc = iso_mse_set(t->reader, MSE_SET_SIGN, CRT_DST,
                          BYTES_OF(body))) < 0)
        return rc;
    return iso_pso_sign(t->reader, value, key->bits / 8, sig);
}

static int cps4_sign(struct token *t, const struct card_key_info *key,
                     const struct card_tbs *tbs, struct buf *sig)
{
    if ((key->can & CARD_CAN_RAW_SIGN) != 0)
        return sign_block(t, key, bytes_from(tbs->value, tbs->len), sig);
    return sign_hash(t, key, tbs, sig);
}

static int cps4_decrypt(struct token *t, const struct card_key_info *key,
                        const struct card_unpad *how, struct bytes cryptogram,
                        struct buf *plain)
{
    int rc;

    if (how->padding != CARD_UNPAD_NONE)
        return card_fail(CARD_E_UNSUPPORTED, "the card undoes no padding");
    rc = set_decipher(t, key);
    if (rc < 0) /* not a word on the cryptogram */
        return rc == CARD_E_STATUS ? CARD_E_UNSUPPORTED : rc;
    rc = exponentiate(t, key, cryptogram, plain);
    return apdu_refused(rc) ? CARD_E_STATUS : rc;
}

const struct driver driver_cps4 = {
    .name = "cps4",
    .likely = ias_is_cps4,
    .probe = cps4_probe,
    .select = cps4_select,
    .list = p15_token_list,
    .read_cert = p15_token_read_cert,
    .pin_status = cps4_pin_status,
    .verify = cps4_verify,
    .sign = cps4_sign,
    .decrypt = cps4_decrypt,
    .close = cps4_close,
};
