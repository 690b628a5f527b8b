/*
 * Inside sim-vpcd: one simulated card, its connection to the virtual reader
 * of a real pcscd (fact sheet vpcd), and its control socket.
 */
#ifndef TESTS_SIM_VPCD_H
#define TESTS_SIM_VPCD_H

#include <stdio.h>

#include "tests/sim/applet.h"

enum { CONTROL_CLIENTS = 4, CONTROL_LINE = 256 };

enum vpcd_fault {
    VPCD_FAULT_NONE,
    VPCD_FAULT_STATUS,    /* another status word; not executed */
    VPCD_FAULT_ONE_BYTE,
    VPCD_FAULT_TRUNCATED, /* half of it */
    VPCD_FAULT_OVERLONG,  /* 300 bytes more */
    VPCD_FAULT_SILENCE,   /* no answer: transmit waits until the card is out */
    VPCD_FAULT_REMOVE,    /* the card goes away; not executed */
    VPCD_FAULT_REMOVE_AFTER
};

struct control_client {
    int fd; /* -1: free */
    char line[CONTROL_LINE];
    size_t len;
};

struct vpcd {
    struct applet *card;
    unsigned short port;
    int link;        /* to the reader; -1: the card is out */
    bool inserted;   /* it should be in */
    bool quit;
    unsigned apdus;
    unsigned fault_in; /* 0: not armed */
    enum vpcd_fault fault;
    uint16_t status;
    FILE *log; /* or NULL: transcript, PINs in clear */
    int listener;
    struct control_client clients[CONTROL_CLIENTS];
};

/* vpcd_link.c. Connect, trying for five seconds; CARD_E_NO_SERVICE. */
int link_insert(struct vpcd *v);
void link_pull(struct vpcd *v);
/* One message has come: serve it. CARD_E_COMM: the reader is gone. */
int link_serve(struct vpcd *v);

/* vpcd_control.c. CARD_E_CONFIG. */
int control_open(struct vpcd *v, const char *path);
void control_accept(struct vpcd *v);
void control_serve(struct vpcd *v, struct control_client *client);

#endif
