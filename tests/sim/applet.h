/*
 * A simulated card application: APDU in, APDU out. One family is one set of
 * operations; the two doors (reader_sim, sim-vpcd) know nothing else of it.
 */
#ifndef TESTS_SIM_APPLET_H
#define TESTS_SIM_APPLET_H

#include "card/base/bytes.h"

struct applet;

struct applet_tries {
    unsigned pin, puk; /* left */
};

struct applet_ops {
    const char *name;
    /* Lent; chosen when the card was made. */
    struct bytes (*atr)(const struct applet *a);
    /* Power on or reset: what the card holds in RAM is lost. */
    void (*power)(struct applet *a);
    /*
     * One command as it goes over the wire; the answer, data and status word,
     * is appended to rsp (room for 258 bytes, or what an extended Le asked
     * for). CARD_E_BUFFER if it has not.
     */
    int (*process)(struct applet *a, struct bytes cmd, struct buf *rsp);
    /* The counters, and a way to set the PIN's without spending tries. */
    void (*tries)(const struct applet *a, struct applet_tries *out);
    int (*set_tries)(struct applet *a, unsigned pin);
    /*
     * A setting of the family by name ("pin", "1234"; "wrong", "flip"), also
     * while the card is in use. CARD_E_ARGUMENT: it has none of that name, or
     * not with that value.
     */
    int (*set)(struct applet *a, const char *name, const char *value);
    /* NULL allowed. */
    void (*free)(struct applet *a);
};

struct applet {
    const struct applet_ops *ops; /* first: the object knows its class */
};

#endif
