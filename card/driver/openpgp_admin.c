/*
 * OpenPGP cards for their holders (specification 3.4): PW3 and the resetting
 * code, CHANGE REFERENCE DATA and RESET RETRY COUNTER (7.2.3, 7.2.4), and what
 * the data objects tell.
 */
#include "card/driver/openpgp_int.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "card/driver/driver_admin.h"
#include "card/driver/fields.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    RESET_BY_CODE = 0x00,  /* P1 of RESET RETRY COUNTER */
    RESET_BY_ADMIN = 0x02,
    DO_LOGIN = 0x005E,
    DO_URL = 0x5F50,
    DO_SECURITY_SUPPORT = 0x007A,
    ANSWER_MAX = 4096
};

/* ---- which PINs there are ------------------------------------------------ */

/* The resetting code while it has tries: it is the one made for this. */
static void choose_puk(struct token *t)
{
    const struct openpgp *op = t->priv;
    uint8_t puk = op->data.pw.of[OPENPGP_CODE].tries > 0 ? OPENPGP_RC
                                                         : OPENPGP_PW3;

    for (size_t i = 0; i < t->pin_count; i++)
        if (!t->pins[i].unblocking)
            openpgp_set_id(&t->pins[i].protected_by, puk);
}

static void add(struct token *t, uint8_t ref)
{
    struct card_pin_info *pin = &t->pins[t->pin_count++];

    openpgp_describe_pin(t->priv, ref, pin);
    pin->unblocking = true;
}

/* A card says 0 tries of a resetting code that was never set. */
static int add_pins(struct token *t)
{
    const struct openpgp *op = t->priv;

    if (op->data.pw.of[OPENPGP_CODE].tries > 0)
        add(t, OPENPGP_RC);
    add(t, OPENPGP_PW3);
    choose_puk(t);
    return 0;
}

static int pin_status(struct token *t, struct card_pin_info *pin)
{
    int rc = openpgp_pin_status(t, pin);

    if (rc == 0)
        choose_puk(t);
    return rc;
}

/* ---- setting them -------------------------------------------------------- */

/*
 * A command that sets `pin`, NULL for VERIFY, with what is presented before it,
 * and what the card said of that.
 */
static int present(struct token *t, struct apdu *cmd, struct buf *data,
                   struct card_pin_info *counted, struct card_pin_info *pin,
                   const char *doing)
{
    int before = counted->tries_left, rc;
    char refusal[256];

    cmd->data = buf_view(data);
    if (pin != NULL)
        pin->setting = true;
    if ((rc = iso_send_pin(t->reader, cmd, counted, doing)) != CARD_E_STATUS)
        return rc;
    snprintf(refusal, sizeof(refusal), "%s", card_error_sentence());
    rc = openpgp_judge_refusal(t, counted, before);
    if (rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED)
        return rc;
    return card_fail(CARD_E_STATUS, "%s", refusal);
}

/* What proves the right, then the new value, in one command. */
static int replace(struct token *t, struct apdu *cmd,
                   struct card_pin_info *counted, struct bytes proof,
                   struct card_pin_info *pin, struct bytes new,
                   const char *doing)
{
    uint8_t space[2 * CARD_MAX_PIN];
    struct buf data = BUF_ON(space);
    int rc;

    if ((rc = openpgp_put_pin(t->priv, counted, proof, &data)) == 0 &&
        (rc = openpgp_put_pin(t->priv, pin, new, &data)) == 0 &&
        (rc = openpgp_need_application(t)) == 0)
        rc = present(t, cmd, &data, counted, pin, doing);
    buf_wipe(&data);
    return rc;
}

static int change(struct token *t, struct card_pin_info *pin,
                  struct bytes old, struct bytes new)
{
    struct apdu cmd = {.ins = INS_CHANGE_REFERENCE_DATA,
                       .p2 = pin->ref == OPENPGP_PW3 ? OPENPGP_PW3
                                                     : OPENPGP_PW1_SIGN};
    int rc = replace(t, &cmd, pin, old, pin, new, "change the PIN");

    if (rc == 0)
        openpgp_forget_presented(t->priv);
    return rc;
}

/* The new value is made before PW3 goes out: nothing of ours fails then. */
static int reset_by_admin(struct token *t, struct card_pin_info *pin,
                          struct card_pin_info *admin, struct bytes value,
                          struct bytes new)
{
    struct apdu verify = {.ins = INS_VERIFY, .p2 = OPENPGP_PW3};
    struct apdu reset = {.ins = INS_RESET_RETRY_COUNTER, .p1 = RESET_BY_ADMIN,
                         .p2 = OPENPGP_PW1_SIGN};
    uint8_t proof_space[CARD_MAX_PIN], new_space[CARD_MAX_PIN];
    struct buf proof = BUF_ON(proof_space), block = BUF_ON(new_space);
    int rc;

    if ((rc = openpgp_put_pin(t->priv, admin, value, &proof)) == 0 &&
        (rc = openpgp_put_pin(t->priv, pin, new, &block)) == 0 &&
        (rc = openpgp_need_application(t)) == 0 &&
        (rc = present(t, &verify, &proof, admin, NULL,
                      "verify the admin PIN")) == 0)
        rc = present(t, &reset, &block, pin, pin, "unblock the PIN");
    buf_wipe(&proof);
    buf_wipe(&block);
    return rc;
}

static int unblock(struct token *t, struct card_pin_info *pin,
                   struct card_pin_info *puk, struct bytes puk_value,
                   struct bytes new)
{
    struct apdu by_code = {.ins = INS_RESET_RETRY_COUNTER, .p1 = RESET_BY_CODE,
                           .p2 = OPENPGP_PW1_SIGN};
    int rc = puk->ref == OPENPGP_RC
                 ? replace(t, &by_code, puk, puk_value, pin, new,
                           "unblock the PIN")
                 : reset_by_admin(t, pin, puk, puk_value, new);

    if (rc == 0)
        openpgp_forget_presented(t->priv);
    return rc;
}

/* ---- what the card says -------------------------------------------------- */

static const struct {
    const char *fingerprint, *created, *algorithm;
} key_names[OPENPGP_SLOTS] = {
    [OPENPGP_SIG] = {"fingerprint-sign", "created-sign", "algorithm-sign"},
    [OPENPGP_DEC] = {"fingerprint-decrypt", "created-decrypt",
                     "algorithm-decrypt"},
    [OPENPGP_AUT] = {"fingerprint-auth", "created-auth", "algorithm-auth"},
};

static const char *maker_name(unsigned id)
{
    return id == 0x0006 ? " (Yubico)" : id == 0xF517 ? " (FSIJ)" : "";
}

/* The AID: version, manufacturer, number behind the application's name. */
static void describe_aid(const uint8_t aid[OPENPGP_AID], struct fields *f)
{
    unsigned maker = (unsigned)(aid[8] << 8 | aid[9]);
    char text[32];

    snprintf(text, sizeof(text), "%x.%x", aid[6], aid[7]);
    fields_text(f, "version", bytes_of_string(text), "DO 4F (AID)", false);
    snprintf(text, sizeof(text), "%04X%s", maker, maker_name(maker));
    fields_text(f, "manufacturer", bytes_of_string(text), "DO 4F (AID)",
                false);
    fields_hex(f, "serial", bytes_from(aid + 10, 4), "DO 4F (AID)", false);
}

/* Seconds since 1970 (RFC 4880 5.5.2). */
static void put_time(struct fields *f, const char *name, struct bytes value,
                     const char *source)
{
    char text[32];
    struct tm when;
    uint32_t n;
    time_t seconds;

    if (bytes_all_zero(value) || !tlv_unsigned(value, &n))
        return;
    seconds = (time_t)n;
    if (gmtime_r(&seconds, &when) != NULL &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &when) > 0)
        fields_text(f, name, bytes_of_string(text), source, false);
}

static void describe_key(const struct openpgp_key *key, size_t slot,
                         struct fields *f)
{
    static const char *const attributes[OPENPGP_SLOTS] = {"DO C1", "DO C2",
                                                          "DO C3"};
    char text[32] = "";

    if (key->absent)
        return;
    if (key->is_rsa)
        snprintf(text, sizeof(text), "RSA %u", key->bits);
    else if (key->curve != NULL)
        snprintf(text, sizeof(text), "%s", key->curve->name);
    fields_text(f, key_names[slot].algorithm, bytes_of_string(text),
                attributes[slot], false);
    if (!bytes_all_zero(BYTES_OF(key->fingerprint)))
        fields_hex(f, key_names[slot].fingerprint, BYTES_OF(key->fingerprint),
                   "DO C5", false);
    put_time(f, key_names[slot].created, BYTES_OF(key->time), "DO CD");
}

/* A data object that is not there, or not for us, is empty. */
static int read_object(struct token *t, uint16_t tag, struct buf *out)
{
    int rc;

    out->len = 0;
    if ((rc = openpgp_need_application(t)) < 0)
        return rc;
    rc = openpgp_get(t, tag, out);
    if (!openpgp_refused(rc) && rc != CARD_E_BUFFER)
        return rc;
    out->len = 0;
    return 0;
}

/* "SURNAME<<GIVEN<NAMES" (ISO 7501-1), here with a space between words. */
static void put_holder(struct fields *f, struct bytes name)
{
    uint8_t space[FIELD_MAX], c;
    struct buf text = BUF_ON(space);

    while (bytes_take_u8(&name, &c)) {
        bool gap = c == '<';

        if (gap && (text.len == 0 || space[text.len - 1] == ' '))
            continue;
        if (buf_put_u8(&text, gap ? ' ' : c) < 0)
            break;
    }
    if (text.len > 0 && space[text.len - 1] == ' ')
        text.len--;
    fields_text(f, "holder", buf_view(&text), "DO 5B (name)", true);
}

/* DO 65, with its tag or without. */
static int describe_holder(struct token *t, struct buf *answer,
                           struct fields *f)
{
    struct bytes content;
    struct tlv tlv;
    int rc = read_object(t, OPENPGP_DO_CARDHOLDER, answer);

    content = buf_view(answer);
    if (tlv_find(content, OPENPGP_DO_CARDHOLDER, &tlv))
        content = tlv.value;
    if (tlv_find(content, 0x5B, &tlv))
        put_holder(f, tlv.value);
    if (tlv_find(content, 0x5F2D, &tlv))
        fields_text(f, "language", tlv.value, "DO 5F2D (language preferences)",
                    false);
    return rc;
}

static int describe_counter(struct token *t, struct buf *answer,
                            struct fields *f)
{
    static const uint32_t path[] = {DO_SECURITY_SUPPORT, 0x93, 0};
    struct tlv tlv;
    uint32_t n;
    int rc = read_object(t, DO_SECURITY_SUPPORT, answer);

    if ((tlv_find_path(buf_view(answer), path, &tlv) ||
         tlv_find(buf_view(answer), 0x93, &tlv)) &&
        tlv.value.len == 3 && tlv_unsigned(tlv.value, &n))
        fields_number(f, "signature-count", n,
                      "DO 93 (digital signature counter)");
    return rc;
}

static int describe_texts(struct token *t, struct buf *answer,
                          struct fields *f)
{
    int rc;

    if ((rc = read_object(t, DO_URL, answer)) < 0)
        return rc;
    fields_text(f, "url", buf_view(answer), "DO 5F50 (URL of public key)",
                true);
    if ((rc = read_object(t, DO_LOGIN, answer)) < 0)
        return rc;
    fields_text(f, "login", buf_view(answer), "DO 5E (login data)", true);
    return 0;
}

/* DO 6E was read when the card was found. */
static int describe(struct token *t, card_field_fn *put, void *arg)
{
    const struct openpgp *op = t->priv;
    struct fields f = {put, arg, 0};
    uint8_t space[ANSWER_MAX];
    struct buf answer = BUF_ON(space);
    int rc;

    describe_aid(op->data.aid, &f);
    if ((rc = describe_holder(t, &answer, &f)) < 0 ||
        (rc = describe_texts(t, &answer, &f)) < 0 ||
        (rc = describe_counter(t, &answer, &f)) < 0)
        return rc;
    for (size_t slot = 0; slot < OPENPGP_SLOTS; slot++)
        describe_key(&op->data.keys[slot], slot, &f);
    return f.rc;
}

const struct driver_admin admin_openpgp = {
    .driver = &driver_openpgp,
    .add_pins = add_pins,
    .pin_status = pin_status,
    .describe = describe,
    .change = change,
    .unblock = unblock,
};
