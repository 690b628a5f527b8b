/*
 * OpenPGP cards 2.x and 3.x (YubiKey, Gnuk, Nitrokey, SmartPGP, ZeitControl):
 * Functional Specification of the OpenPGP application on ISO smart card
 * operating systems, 2.0 to 3.4. There are no files: everything is a data
 * object, and a key without a certificate gives its public half itself.
 */
#include "card/driver/openpgp_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/base/cache.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    INS_GENERATE = 0x47,
    INS_SELECT_DATA = 0xA5,
    READ_PUBLIC = 0x81,  /* P1 of GENERATE: no key is made */
    SELECT_FIRST = 0x00, /* P2 of SELECT */
    MAKER_YUBICO = 0x0006,
    ANSWER_MAX = 4096 /* bytes of what is no certificate */
};

static const uint8_t application[] = {0xD2, 0x76, 0x00, 0x01, 0x24, 0x01};

/* What the three slots differ in. */
static const struct slot {
    const char *label;
    unsigned use;
    uint8_t crt;        /* of GENERATE: which key */
    uint8_t occurrence; /* of its certificate */
    uint8_t pin;
} slots[OPENPGP_SLOTS] = {
    [OPENPGP_SIG] = {"Signature key", CARD_USE_SIGN, 0xB6, 2, OPENPGP_PW1_SIGN},
    [OPENPGP_DEC] = {"Encryption key", CARD_USE_DECRYPT, 0xB8, 1,
                     OPENPGP_PW1},
    [OPENPGP_AUT] = {"Authentication key", CARD_USE_AUTH, 0xA4, 0,
                     OPENPGP_PW1},
};

bool openpgp_refused(int rc)
{
    return apdu_refused(rc) || rc == CARD_E_LOGIN;
}

/* ---- data objects -------------------------------------------------------- */

static int command(struct token *t, const struct apdu *cmd, struct buf *out,
                   const char *doing)
{
    uint16_t sw;
    int rc = apdu_exchange(t->reader, cmd, out, &sw);

    return rc < 0 ? rc : apdu_sw_error(sw, doing);
}

/* Bytes to ask for at a time. */
static size_t answer_max(const struct token *t)
{
    const struct openpgp *op = t->priv;

    if (!t->reader->extended || op->data.max_answer == 0)
        return APDU_LE_MAX;
    return op->data.max_answer;
}

int openpgp_get(struct token *t, uint16_t tag, struct buf *out)
{
    const struct apdu cmd = {.ins = INS_GET_DATA, .p1 = (uint8_t)(tag >> 8),
                             .p2 = (uint8_t)tag, .le = answer_max(t)};

    return command(t, &cmd, out, "read a data object");
}

int openpgp_read_data(struct token *t, struct openpgp_data *data)
{
    uint8_t space[ANSWER_MAX];
    struct buf answer = BUF_ON(space);
    int rc = openpgp_get(t, OPENPGP_DO_APPLICATION, &answer);

    return rc < 0 ? rc : openpgp_parse(buf_view(&answer), data);
}

/* ---- recognition --------------------------------------------------------- */

static int openpgp_select(struct token *t)
{
    struct openpgp *op = t->priv;
    int rc = iso_select(t->reader, SELECT_NAME, SELECT_FIRST,
                        BYTES_OF(application), NULL);

    t->selected = rc == 0;
    op->occurrence = OPENPGP_OCCURRENCE_UNKNOWN; /* CanoKey's outlives SELECT */
    return rc;
}

int openpgp_need_application(struct token *t)
{
    return t->selected ? 0 : openpgp_select(t);
}

/*
 * The serial number is gpg's with the manufacturer's number in front, as within
 * gpg's "Application ID": makers count each for himself.
 */
static void name_token(struct token *t, const struct openpgp_data *data)
{
    const uint8_t *version = data->aid + sizeof(application);
    const uint8_t *maker = version + 2, *number = maker + 2;

    bytes_to_hex(bytes_from(maker, 6), t->serial, sizeof(t->serial));
    bytes_to_hex(bytes_from(maker, 2), t->manufacturer,
                 sizeof(t->manufacturer));
    snprintf(t->model, sizeof(t->model), "OpenPGP card %x.%x", version[0],
             version[1]);
    snprintf(t->title, sizeof(t->title),
             "OpenPGP card %02X%02X %02X%02X%02X%02X", maker[0], maker[1],
             number[0], number[1], number[2], number[3]);
}

static int openpgp_probe(struct token *t)
{
    struct openpgp *op = t->priv;
    int rc;

    if (op == NULL && (op = t->priv = calloc(1, sizeof(*op))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if ((rc = openpgp_select(t)) == 0)
        rc = openpgp_read_data(t, &op->data);
    if (openpgp_refused(rc) || rc == CARD_E_PROTOCOL)
        return CARD_E_NOT_MINE;
    if (rc < 0)
        return rc;
    t->reader->chaining = op->data.chaining;
    t->reader->extended = op->data.extended;
    name_token(t, &op->data);
    return 0;
}

static void openpgp_close(struct token *t)
{
    struct openpgp *op = t->priv;

    if (op == NULL)
        return;
    crypto_free(op->crypto);
    secret_free(op->presented);
    free(op);
    t->priv = NULL;
}

/* ---- keys and certificates ----------------------------------------------- */

enum openpgp_slot openpgp_slot_of(const struct card_id *id)
{
    return (enum openpgp_slot)(id->data[0] - 1);
}

void openpgp_set_id(struct card_id *id, uint8_t value)
{
    id->data[0] = value;
    id->len = 1;
}

/* What a key of this kind can do in this slot. */
static unsigned slot_can(enum openpgp_slot slot, const struct openpgp_key *key)
{
    bool decrypts = slot == OPENPGP_DEC;

    if (key->is_rsa)
        return decrypts ? CARD_CAN_DECRYPT_PKCS1 : CARD_CAN_PKCS1;
    if (key->curve == NULL || !key->curve->supported)
        return 0;
    switch (key->curve->type) {
    case CARD_KEY_EC:
        return decrypts ? CARD_CAN_DERIVE : CARD_CAN_ECDSA;
    case CARD_KEY_X25519:
        return decrypts ? CARD_CAN_DERIVE : 0;
    default:
        return decrypts ? 0 : CARD_CAN_EDDSA;
    }
}

static void describe_key(const struct openpgp *op, enum openpgp_slot slot,
                         struct card_key_info *info)
{
    const struct openpgp_key *key = &op->data.keys[slot];

    memset(info, 0, sizeof(*info));
    snprintf(info->label, sizeof(info->label), "%s", slots[slot].label);
    openpgp_set_id(&info->id, (uint8_t)(slot + 1));
    openpgp_set_id(&info->auth_id, slots[slot].pin);
    info->type = key->is_rsa         ? CARD_KEY_RSA
                 : key->curve != NULL ? key->curve->type
                                      : CARD_KEY_EC;
    info->bits = key->curve != NULL ? key->curve->bits : key->bits;
    info->uses = slots[slot].use;
    info->can = slot_can(slot, key);
    info->user_consent = slot == OPENPGP_SIG && !op->data.pw.several;
}

static void list_keys(struct token *t)
{
    const struct openpgp *op = t->priv;

    t->key_count = 0;
    for (int slot = 0; slot < OPENPGP_SLOTS; slot++)
        if (!op->data.keys[slot].absent)
            describe_key(op, (enum openpgp_slot)slot,
                         &t->keys[t->key_count++]);
}

/* Which of them are there, only reading tells. 2.x cards have but one. */
static void list_certs(struct token *t)
{
    const struct openpgp *op = t->priv;

    t->cert_count = 0;
    for (int slot = 0; op->data.certs && slot < OPENPGP_SLOTS; slot++) {
        struct card_cert_info *cert = &t->certs[t->cert_count];

        if (op->data.keys[slot].absent ||
            (slots[slot].occurrence > 0 && !openpgp_is_v3(&op->data)))
            continue;
        memset(cert, 0, sizeof(*cert));
        snprintf(cert->label, sizeof(cert->label), "%s", slots[slot].label);
        openpgp_set_id(&cert->id, (uint8_t)(slot + 1));
        t->cert_count++;
    }
}

/*
 * SELECT DATA, which 2.x cards do not know: they have one certificate. YubiKeys
 * before firmware 5.4.4 want the length of the data once more in front of it.
 */
static int select_certificate(struct token *t, uint8_t occurrence)
{
    static const uint8_t header[] = {0x06, 0x60, 0x04, 0x5C, 0x02, 0x7F, 0x21};
    struct openpgp *op = t->priv;
    const uint8_t *maker = op->data.aid + sizeof(application) + 2;
    struct apdu cmd = {.ins = INS_SELECT_DATA, .p1 = occurrence, .p2 = 0x04,
                       .data = {header + 1, sizeof(header) - 1}};
    int rc;

    if (op->occurrence == occurrence || !openpgp_is_v3(&op->data))
        return 0;
    op->occurrence = OPENPGP_OCCURRENCE_UNKNOWN;
    rc = command(t, &cmd, NULL, "select a certificate");
    if (openpgp_refused(rc) && (maker[0] << 8 | maker[1]) == MAKER_YUBICO) {
        cmd.data = BYTES_OF(header);
        rc = command(t, &cmd, NULL, "select a certificate");
    }
    if (rc == 0)
        op->occurrence = occurrence;
    return openpgp_refused(rc) ? CARD_E_NOT_FOUND : rc;
}

static int openpgp_read_cert(struct token *t, const struct card_cert_info *cert,
                             struct buf *der)
{
    const struct slot *slot = &slots[openpgp_slot_of(&cert->id)];
    size_t start = der->len;
    int rc;

    if ((rc = openpgp_need_application(t)) < 0 ||
        (rc = select_certificate(t, slot->occurrence)) < 0)
        return rc;
    rc = openpgp_get(t, OPENPGP_DO_CERTIFICATE, der);
    if (rc == 0 && der->len == start)
        rc = CARD_E_NOT_FOUND;
    return rc != CARD_E_NOT_FOUND
               ? rc
               : card_fail(rc, "the card has no certificate for its %s",
                           cert->label);
}

/*
 * The key's own fingerprint and time are in the name: what the card tells now
 * finds what was read of this very key. A key without them is not kept.
 */
static bool cache_name(const struct openpgp_key *key, uint8_t id,
                       struct buf *name)
{
    static const uint8_t none[OPENPGP_FINGERPRINT];

    return !bytes_equal(BYTES_OF(key->fingerprint), BYTES_OF(none)) &&
           buf_put_u8(name, id) == 0 &&
           buf_put(name, BYTES_OF(key->fingerprint)) == 0 &&
           buf_put(name, BYTES_OF(key->time)) == 0;
}

static int read_public_template(struct token *t, enum openpgp_slot slot,
                                struct buf *answer)
{
    const uint8_t crt[] = {slots[slot].crt, 0x00};
    const struct apdu cmd = {.ins = INS_GENERATE, .p1 = READ_PUBLIC,
                             .data = BYTES_OF(crt), .le = answer_max(t)};
    int rc = openpgp_need_application(t);

    return rc < 0 ? rc : command(t, &cmd, answer, "read a public key");
}

static int openpgp_read_public(struct token *t,
                               const struct card_key_info *info,
                               struct buf *spki)
{
    const struct openpgp *op = t->priv;
    enum openpgp_slot slot = openpgp_slot_of(&info->id);
    const struct openpgp_key *key = &op->data.keys[slot];
    uint8_t space[ANSWER_MAX], name_space[32];
    struct buf answer = BUF_ON(space), name = BUF_ON(name_space);
    bool kept = cache_name(key, info->id.data[0], &name);
    struct bytes known;
    int rc;

    if (kept && cache_card_find(t->cache, buf_view(&name), &known) &&
        openpgp_public(key, known, spki) == 0)
        return 0;
    if ((rc = read_public_template(t, slot, &answer)) < 0 ||
        (rc = openpgp_public(key, buf_view(&answer), spki)) < 0)
        return rc;
    if (kept)
        cache_card_keep(t->cache, buf_view(&name), buf_view(&answer));
    return 0;
}

/* ---- list ---------------------------------------------------------------- */

/* "SURNAME<<GIVEN<NAMES", here with a space between words. */
static void take_name(struct bytes name, struct token *t)
{
    size_t len = 0;
    uint8_t c;

    while (bytes_take_u8(&name, &c) && len + 1 < sizeof(t->label)) {
        bool gap = c == '<' || c <= ' ' || c > '~';

        if (!gap || (len > 0 && t->label[len - 1] != ' '))
            t->label[len++] = gap ? ' ' : (char)c;
    }
    if (len > 0 && t->label[len - 1] == ' ')
        len--;
    t->label[len] = '\0';
}

static int list_info(struct token *t)
{
    const uint32_t name[] = {OPENPGP_DO_CARDHOLDER, 0x5B, 0};
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    struct tlv tlv;
    int rc;

    if ((rc = openpgp_need_application(t)) < 0)
        return rc;
    if ((rc = openpgp_get(t, OPENPGP_DO_CARDHOLDER, &answer)) < 0)
        return openpgp_refused(rc) ? 0 : rc;
    if (tlv_find_path(buf_view(&answer), name, &tlv) ||
        tlv_find(buf_view(&answer), 0x5B, &tlv))
        take_name(tlv.value, t);
    return 0;
}

static int openpgp_list(struct token *t, unsigned what)
{
    const struct openpgp *op = t->priv;
    unsigned missing = what & ~t->listed;
    int rc = 0;

    if ((missing & TOKEN_KEYS) != 0) {
        cache_card_confirm(t->cache,
                           bytes_from(op->data.mark, op->data.mark_len));
        list_keys(t);
    }
    if ((missing & TOKEN_CERTS) != 0)
        list_certs(t);
    if ((missing & TOKEN_PINS) != 0)
        rc = openpgp_list_pins(t);
    if (rc == 0 && (missing & TOKEN_INFO) != 0)
        rc = list_info(t);
    if (rc == 0)
        t->listed |= missing;
    return rc;
}

const struct driver driver_openpgp = {
    .name = "openpgp",
    .prefers_public = true,
    .neighbours = true, /* as PIV on a YubiKey */
    .probe = openpgp_probe,
    .select = openpgp_select,
    .list = openpgp_list,
    .read_cert = openpgp_read_cert,
    .pin_status = openpgp_pin_status,
    .verify = openpgp_verify,
    .sign = openpgp_sign,
    .decrypt = openpgp_decrypt,
    .derive = openpgp_derive,
    .read_public = openpgp_read_public,
    .close = openpgp_close,
};
