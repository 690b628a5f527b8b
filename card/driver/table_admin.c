/*
 * What drivers know for their cards' holders: the first row that fits.
 */
#include "card/driver/driver_admin.h"

static const struct driver_admin *const rows[] = {
    &admin_cps3,
    &admin_ias,
    &admin_cps4,
    &admin_gemsafe,
    &admin_iso15,
    &admin_piv,
    &admin_openpgp,
    NULL,
};

const struct driver_admin *driver_admin_of(const struct token *t)
{
    for (size_t i = 0; rows[i] != NULL; i++)
        if (rows[i]->driver == t->driver &&
            (rows[i]->is_for == NULL || rows[i]->is_for(t)))
            return rows[i];
    return NULL;
}
