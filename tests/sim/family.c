/*
 * The table of simulated families.
 */
#include "tests/sim/family.h"

#include <string.h>

#include "card/error.h"
#include "tests/sim/cps3.h"
#include "tests/sim/cps4.h"
#include "tests/sim/gemsafe.h"
#include "tests/sim/iso15.h"
#include "tests/sim/multi.h"
#include "tests/sim/openpgp.h"
#include "tests/sim/piv.h"
#include "tests/sim/stranger.h"

static const struct {
    const char *name;
    int (*make)(const struct sim_options *options, struct applet **out);
} families[] = {
    {"cps3", cps3_make},
    {"cps4", cps4_make},
    {"ias", ias_make},
    {"piv", piv_make},
    {"openpgp", openpgp_make},
    {"iso15", iso15_make},
    {"gemsafe", gemsafe_v1_make},
    {"gemsafe-v3", gemsafe_v3_make},
    {"gemp15", gemp15_make},
    {"yubikey", yubikey_make},
    {"stranger", stranger_make},
};

int sim_card_new(const char *family, const struct sim_options *options,
                 struct applet **out)
{
    for (size_t i = 0; i < nitems(families); i++)
        if (strcmp(families[i].name, family) == 0)
            return families[i].make(options, out);
    return card_fail(CARD_E_ARGUMENT, "no simulated card is named \"%s\"",
                     family);
}

static int set_one(struct applet *a, const char *setting)
{
    const char *value = strchr(setting, '=');
    char name[32];

    if (value == NULL || (size_t)(value - setting) >= sizeof(name))
        return card_fail(CARD_E_ARGUMENT, "%s: \"%s\" is no name=value",
                         a->ops->name, setting);
    memcpy(name, setting, (size_t)(value - setting));
    name[value - setting] = '\0';
    return a->ops->set(a, name, value + 1);
}

int sim_card_set_all(struct applet *a, const struct sim_options *options)
{
    int rc = 0;

    for (const char *const *s = options->settings;
         rc == 0 && s != NULL && *s != NULL; s++)
        rc = set_one(a, *s);
    return rc;
}
