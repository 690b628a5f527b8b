/*
 * The drivers, in the order they are asked.
 */
#include "card/driver/driver.h"

const struct driver *const driver_table[] = {
    &driver_ias,
    NULL,
};
