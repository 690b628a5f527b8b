/*
 * PKCS#11 tokens (OASIS PKCS#11 v2.40) for the layer above: modules, and slots
 * as readers of a kind, so that a token is used by the same ritual as a card.
 * Nothing of Cryptoki's own types is seen here.
 */
#ifndef CARD_PKCS11_SLOT_H
#define CARD_PKCS11_SLOT_H

#include "card/reader/reader.h"

enum { P11_MAX_SLOTS = 256 };

struct p11_module;
struct p11_slot;

/* CK_TOKEN_INFO's words for a token, without their padding: what names it. */
struct p11_identity {
    char label[33], manufacturer[33], model[17], serial[17];
};

struct p11_library {
    char description[33], manufacturer[33];
    unsigned long major, minor;
};

struct p11_slot_entry {
    unsigned long id;
    unsigned long flags;            /* of CK_TOKEN_INFO, as what follows */
    unsigned long min_pin, max_pin; /* bytes */
    struct p11_identity token;
};

struct p11_slot_list {
    struct p11_slot_entry entries[P11_MAX_SLOTS];
    size_t count;
};

/*
 * A module of this process, counted: the same path is the same module in all
 * contexts. Nothing is loaded before p11_module_slots.
 *
 *   path  absolute
 *   args  pReserved of C_Initialize, or NULL; the first context's count
 *
 * CARD_E_MEMORY.
 */
int p11_module_get(const char *path, const char *args,
                   struct p11_module **out);
/* The last one out finalises it, unless the process is ending. NULL allowed. */
void p11_module_put(struct p11_module *module);
/* File name, for people. */
const char *p11_module_name(const struct p11_module *module);
/* C_GetInfo's words, for library-*=. Loads the module. */
int p11_module_library(struct p11_module *module, struct p11_library *out);
/*
 * Slots that hold an initialised token now. Loads and initialises the module;
 * a slot that fails is left out. CARD_E_CONFIG (no such file, no PKCS#11
 * module), CARD_E_NO_SERVICE (it does not initialise).
 */
int p11_module_slots(struct p11_module *module, struct p11_slot_list *out);
/* C_GetSlotInfo's words, for slot-description= and slot-manufacturer=. */
int p11_module_slot_words(struct p11_module *module, unsigned long id,
                          char description[65], char manufacturer[33]);

/*
 * This thread is inside a module, which now wants a key by way of libcrypto: it
 * would wait for itself.
 */
bool p11_is_inside(void);

/*
 * One token, found in that slot; it is looked for by its identity when it is
 * no longer there. Holds the module. Give it as io with reader_pkcs11.
 */
int p11_slot_new(struct p11_module *module, const struct p11_slot_entry *entry,
                 struct p11_slot **out);
/* After disconnect. NULL allowed. */
void p11_slot_free(struct p11_slot *slot);
bool p11_slot_holds(const struct p11_slot *slot,
                    const struct p11_module *module,
                    const struct p11_identity *token);
bool p11_slot_equal(const struct p11_slot *a, const struct p11_slot *b);

/*
 * The slot as a reader: connect finds the token, begin sees that it is still
 * there, CARD_E_RESET once after it moved or its sessions were lost. There is
 * no list, and no transmit.
 */
extern const struct reader_ops reader_pkcs11;

#endif
