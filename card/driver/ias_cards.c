/*
 * Cards with the IAS ECC applet: how their makers differ. Facts: fact sheets
 * ias-ecc (sections 1, 2, 9) and cps3 (section 1).
 */
#include "card/driver/ias.h"

#include <string.h>

#include "card/wire/tlv.h"

#define AID_CPS_ROOT "8025000001FF0100"
#define AID_CPS "E828BD080F8025000001FF0010"
#define AID_CPS_CONTACTLESS "E828BD080F8025000001FF0020"
#define AID_GEMALTO_ROOT "F0496173456363526F6F74" /* F0 "IasEccRoot" */
#define AID_OBERTHUR_ROOT "A000000077010800070000FE00000100"

/* The first that fits: what is in a row above need not be told apart below. */
static const struct ias_card cards[] = {
    /* country code 250 and pre-issuing data; a CPS4 is another card */
    {"CPS3", "1225006480", AID_CPS_ROOT, AID_CPS, IAS_CPS},
    {"CPS3", "0031B86404B0ECC1739401808290", AID_CPS_ROOT,
     AID_CPS_CONTACTLESS, IAS_CPS},
    {"MultiApp ID IAS ECC", "0031B86440....10739401808290", AID_GEMALTO_ROOT,
     NULL, 0},
    {"ID-One Cosmo IAS ECC", "31FE4580F9A0000000770108000790",
     AID_OBERTHUR_ROOT, NULL, IAS_EF_BY_P1_01},
    {"ypsID S3 IAS ECC", "0031B8645023ECC1739401808290", NULL, NULL,
     IAS_NO_FCP | IAS_SHIFTED_SERIAL},
    {"ypsID S3 IAS ECC", "4D572D4941532D4341524432", NULL, NULL,
     IAS_NO_FCP | IAS_SHIFTED_SERIAL},
    {"MI IAS ECC", "0031B864041FECC1739401808290", NULL, NULL,
     IAS_MF_WITH_FCP},
    {"Amos IAS ECC", "0031B8640C01ECC1739401808290", NULL, NULL, 0},
    {"Amos IAS ECC", "3BDC18FF8191FE1FC38073C8211366020403550002", NULL, NULL,
     0},
    {"Amos IAS ECC", "3BDC18FF8191FE1FC38073C8211366010B03520005", NULL, NULL,
     0},
    {"IAS ECC", "0031B864....ECC1739401808290", NULL, NULL, IAS_NO_FCP},
};

const struct ias_app ias_apps[] = {
    {"E828BD080FD25047656E65726963", 0},   /* ECC Generic PKI */
    {"E828BD080FD2504543432D654944", 0},   /* ECC eID */
    {"E828BD080FD2500000040101", 0},      /* ADELE profiles */
    {"E828BD080FD2500000040201", 0},
    {"E828BD080FD2500000040301", 0},
    {"4D494F4D4354", 0},                   /* "MIOMCT" */
    {"4F52414E4745", 24},                  /* "ORANGE" */
    {NULL, 0},
};

/* ---- recognition --------------------------------------------------------- */

static bool is_any(const char *pattern)
{
    return pattern[0] == '.';
}

static bool starts_with(struct bytes atr, const char *pattern)
{
    char hex[3];
    uint8_t byte;

    for (; *pattern != '\0'; pattern += 2) {
        if (!bytes_take_u8(&atr, &byte))
            return false;
        bytes_to_hex(bytes_from(&byte, 1), hex, sizeof(hex));
        if (!is_any(pattern) && memcmp(hex, pattern, 2) != 0)
            return false;
    }
    return true;
}

static bool holds(const struct reader *r, const char *pattern)
{
    for (size_t i = 0; i < r->atr_len; i++)
        if (starts_with(bytes_from(r->atr + i, r->atr_len - i), pattern))
            return true;
    return false;
}

bool ias_is_cps4(const struct reader *r)
{
    return holds(r, "12250064800401") || holds(r, "1225006480..0401");
}

const struct ias_card *ias_card_of(const struct reader *r)
{
    if (ias_is_cps4(r))
        return NULL;
    for (size_t i = 0; i < nitems(cards); i++)
        if (holds(r, cards[i].atr))
            return &cards[i];
    return NULL;
}

int ias_aid(const char *hex, struct card_path *out)
{
    struct buf aid = BUF_ON(out->data);
    int rc = bytes_from_hex(hex, &aid);

    out->len = rc < 0 ? 0 : aid.len;
    return rc;
}

/* ---- EF.SN --------------------------------------------------------------- */

/* Five bytes of the issuer, eight BCD digits, a check digit. */
static struct bytes cps_digits(struct bytes value)
{
    struct bytes digits = value, issuer;

    if (value.len == 10 && bytes_take(&digits, 5, &issuer))
        digits.len = 4;
    return digits;
}

/* Without the first nibble and the last. */
static void shift_nibble(char *hex)
{
    size_t len = strlen(hex);

    if (len <= 2)
        return;
    memmove(hex, hex + 1, len - 2);
    hex[len - 2] = '\0';
}

int ias_format_serial(struct bytes file, unsigned quirks,
                      char out[CARD_SERIAL_MAX])
{
    struct tlv tlv;

    if (!tlv_next_is(&file, 0x5A, &tlv) || tlv.value.len == 0)
        return card_fail(CARD_E_PROTOCOL, "EF.SN holds no serial number");
    bytes_to_hex((quirks & IAS_CPS) != 0 ? cps_digits(tlv.value) : tlv.value,
                 out, CARD_SERIAL_MAX);
    if ((quirks & IAS_SHIFTED_SERIAL) != 0)
        shift_nibble(out);
    return 0;
}
