/*
 * The drivers, in the order they are asked.
 */
#include "card/driver/driver.h"

const struct driver *const driver_table[] = {
    &driver_pkcs11, /* no APDU: it looks at the reader alone */
    &driver_cps4,
    &driver_ias,
    &driver_piv,
    &driver_openpgp,
    &driver_gemsafe,
    &driver_iso15, /* whatever none of the others knows */
    NULL,
};
