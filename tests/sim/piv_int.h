/*
 * Inside the simulated PIV card: its state, shared by piv.c (application,
 * objects, PINs) and piv_key.c (keys).
 */
#ifndef TESTS_SIM_PIV_INT_H
#define TESTS_SIM_PIV_INT_H

#include "tests/sim/applet.h"
#include "tests/sim/frame.h"
#include "tests/sim/keys.h"

enum {
    PIV_MAX_SLOTS = 8,
    PIV_SLOT_SIGN = 0x9C,
    PIV_SLOT_CARD_AUTH = 0x9E,
    PIV_PIN = 0, /* indices of sim_pins */
    PIV_PUK = 1,
    PIV_GLOBAL = 2
};

/* How a certificate lies in its object. */
enum piv_cert { PIV_CERT_PLAIN, PIV_CERT_NONE, PIV_CERT_GZIP, PIV_CERT_BOMB };

struct piv_slot {
    uint8_t ref;
    enum piv_cert form;
};

struct piv_sim {
    struct applet applet; /* first */
    struct sim_frame frame;
    struct sim_pins pins;
    struct sim_keys keys; /* key[i] is in slot[i] */
    struct piv_slot slot[PIV_MAX_SLOTS];
    char dir[512];
    char serial[33];  /* hex, the GUID */
    size_t small;     /* bytes of the certificates made here; 0: mkcard's */
    int history;      /* what the key history object counts; -1: no object */
    unsigned absent;  /* status word for an object that is not there */
    bool yubico;      /* metadata, number, version, and the ATR that says so */
    bool discovery;
    bool global;      /* the global PIN is the primary one */
    bool chuid, guid; /* is there; is not all zero */
    bool lax;         /* 9C: the PIN once for all */
    bool any_hash;    /* ECDSA over fewer bytes than the field has */
    bool relock;      /* SELECT locks the keys, though not the PIN: PivApplet */
    bool selected;    /* RAM, as what follows */
    bool stranger;    /* another application is selected */
    bool unlocked;    /* VERIFY came after SELECT */
    bool consent;     /* nothing came between VERIFY and this command */
};

/* CARD_E_CONFIG. A slot's name is "9a" ... "95"; `name` "none" empties it. */
int piv_set_key(struct piv_sim *c, uint8_t ref, const char *name);
/* The index of a slot, or PIV_MAX_SLOTS. */
size_t piv_find_slot(const struct piv_sim *c, uint8_t ref);
/* Append the certificate object's content: 70, 71, FE. */
int piv_put_cert(const struct piv_sim *c, size_t index, struct buf *out);

/* Each returns a status word. */
unsigned piv_general_authenticate(struct piv_sim *c,
                                  const struct sim_command *cmd,
                                  struct buf *out);
unsigned piv_key_metadata(const struct piv_sim *c, size_t index,
                          struct buf *out);

#endif
