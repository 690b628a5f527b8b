/*
 * GET DATA on the simulated CPS3: security data objects (fact sheets ias-ecc
 * 3, cps3 6). PIN and PUK answers are a real card's bytes; the objects of SE
 * and keys are ours, built as the sheet describes them.
 */
#include "tests/sim/cps3_int.h"

#include "tests/sim/template.h"

enum {
    TAG_REQUEST = 0x4D,
    TAG_SDO = 0x70,
    OBJECT_PIN = 0xBF8101,
    OBJECT_PUK = 0xBF8102,
    OBJECT_SIGN_KEY = 0xBF9001,
    OBJECT_AUTH_KEY = 0xBF9002,
    OBJECT_SE_PIN = 0xBFFB01,
    OBJECT_SE_PUK = 0xBFFB03,
    TAG_DOCP = 0xA0,
    TAG_CHV = 0x7F41,
    TAG_PRIVATE_KEY = 0x7F48,
    TAG_SE = 0x7B
};

/*
 * What each object answers to. SCB 11 in the keys' ACL means SE 1, which
 * names the PIN; SCB 13 in the PIN's means SE 3, which names the PUK.
 */
static const struct object {
    unsigned tag;
    enum cps3_where where;
    unsigned inner;
    const char *answer;
} objects[] = {
    {OBJECT_PIN, CPS3_MF, TAG_DOCP,
     "70(BF8101(A0(9A0103 9B01$0 A1(8C06F3000013FF00))))"},
    {OBJECT_PUK, CPS3_MF, TAG_DOCP,
     "70(BF8102(A0(9A010A 9B01$0 9D0200$1 A1(8C06F3FF00FFFF00))))"},
    {OBJECT_SE_PIN, CPS3_MF, TAG_SE,
     "70(BFFB01(7B(A4(950108 830101))))"},
    {OBJECT_SE_PUK, CPS3_MF, TAG_SE,
     "70(BFFB03(7B(A4(950108 830102))))"},
    {OBJECT_SIGN_KEY, CPS3_DF, TAG_DOCP,
     "70(BF9001(A0(80020100 9E0101 A1(8C077B11FFFFFFFF00))))"},
    {OBJECT_AUTH_KEY, CPS3_DF, TAG_DOCP,
     "70(BF9002(A0(80020100 9E0100 A1(8C077BFF1111FFFF00))))"},
};

/* 4D L {70 L {object L {inner 80}}}: 80 stands for "all of it". */
static bool parse_request(struct bytes body, unsigned *object, unsigned *inner)
{
    struct bytes value;
    unsigned tag;

    if (!template_take_tlv(&body, &tag, &value) || tag != TAG_REQUEST
        || body.len != 0)
        return false;
    body = value;
    if (!template_take_tlv(&body, &tag, &value) || tag != TAG_SDO
        || body.len != 0)
        return false;
    body = value;
    if (!template_take_tlv(&body, object, &value) || body.len != 0)
        return false;
    if (value.len == 2 && value.data[1] == 0x80)
        *inner = value.data[0];
    else if (value.len == 3 && value.data[2] == 0x80)
        *inner = (unsigned)(value.data[0] << 8 | value.data[1]);
    else
        return false;
    return true;
}

/*
 * Keys answer the request for their value with what is public, the DOCP; PINs
 * have nothing public: 6A86, which the reader is to take for "no such part".
 */
static unsigned match(const struct object *o, unsigned inner)
{
    if (inner == o->inner)
        return SW_OK;
    if (o->where == CPS3_DF && inner == TAG_PRIVATE_KEY)
        return SW_OK;
    return o->inner == TAG_DOCP && inner == TAG_CHV ? SW_P1P2 : SW_NO_REFERENCE;
}

static enum cps3_where where_of(const struct cps3 *c, const struct object *o)
{
    return o->tag == OBJECT_PIN && c->maker->local_pin ? CPS3_DF : o->where;
}

unsigned cps3_get_data(struct cps3 *c, const struct cps3_command *cmd,
                       struct buf *out)
{
    const struct cps3_store *s = &c->store;
    unsigned object, inner, sw = SW_NO_REFERENCE;

    if (cmd->p1 != 0x3F || cmd->p2 != 0xFF)
        return SW_P1P2;
    if (c->options.no_sdo)
        return SW_NO_REFERENCE;
    if (!parse_request(cmd->body, &object, &inner))
        return SW_DATA;
    for (size_t i = 0; i < nitems(objects); i++) {
        const struct object *o = &objects[i];
        unsigned which = o->tag == OBJECT_PUK ? CPS3_PUK : CPS3_PIN;
        const struct bytes args[] = {
            bytes_from(&s->secret[which].tries, 1),
            bytes_from(&s->puk_usage, 1),
        };

        if (o->tag != object || where_of(c, o) != c->where)
            continue;
        sw = match(o, inner);
        if (sw == SW_OK && template_put(out, o->answer, args) < 0)
            return SW_ERROR;
    }
    return sw;
}
