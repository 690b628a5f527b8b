/*
 * GemSafe cards for their holders, the C@rteurope token among them. Facts: fact
 * sheet gemsafe-classic, sections 2, 4 and 5.
 *
 * Which number their PUK has is unknown: RESET RETRY COUNTER names the PIN's
 * alone. Nor is it known whether asking for tries would cost one: none is asked
 * for.
 */
#include <string.h>

#include "card/driver/driver_admin.h"
#include "card/driver/gemsafe.h"
#include "card/driver/p15_admin.h"

enum {
    PUK_MIN = 6, /* digits: the token's has as many */
    PUK_TRIES = 3
};

static int add_pins(struct token *t)
{
    struct card_pin_info *puk = p15_add_puk(t, "PIN Admin (PUK)");

    if (puk == NULL)
        return 0;
    puk->no_ref = true;
    puk->min_len = PUK_MIN;
    puk->tries_max = PUK_TRIES;
    return 0;
}

/* What stands for a number on a card that has none is a hash of its table. */
static const char *serial_source(const struct token *t)
{
    const struct gemsafe *g = t->priv;
    uint8_t hash[GEMSAFE_FINGERPRINT];
    char hex[2 * GEMSAFE_FINGERPRINT + 1];

    if (g->object.len > 0) {
        gemsafe_object_fingerprint(g, hash);
        bytes_to_hex(BYTES_OF(hash), hex, sizeof(hex));
        if (strncmp(hex, t->serial, strlen(t->serial)) == 0)
            return "hash of the object file (0004)";
    }
    return "CPLC (9F7F)";
}

static int describe(struct token *t, card_field_fn *put, void *arg)
{
    const struct gemsafe *g = t->priv;
    struct fields f = {.put = put, .arg = arg};
    const struct p15_token_info *info = &g->p15.info;
    const char *source = serial_source(t);

    fields_text(&f, "model", bytes_of_string(g->family->model), "SELECT",
                false);
    fields_hex(&f, "application", g->family->aid, "SELECT", false);
    if (g->family->iso15 && strcmp(info->serial, t->serial) == 0)
        source = p15_info_source(t);
    fields_text(&f, "serial", bytes_of_string(t->serial), source, false);
    if (g->family->iso15)
        p15_describe_info(t, info, &f);
    return f.rc;
}

const struct driver_admin admin_gemsafe = {
    .driver = &driver_gemsafe,
    .add_pins = add_pins,
    .describe = describe,
};
