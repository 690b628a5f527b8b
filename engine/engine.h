/*
 * The engine from inside: what its controls set, and how its files share it.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>

#include <openssl/engine.h>
#include <openssl/provider.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "card/base/lock.h"
#include "card/base/secret.h"
#include "provider/builtin.h"

enum {
    ENGINE_MAX_QUERY = 128,
    ENGINE_LEVEL_NOTICE = 5, /* of syslog, as libp11 counts; where it starts */
    ENGINE_LEVEL_INFO = 6,
    ENGINE_LEVEL_DEBUG = 7
};

struct engine_state {
    struct secret *pin;       /* with its NUL, or NULL; see engine_pin */
    UI_METHOD *ui;
    void *ui_data;
    char *module, *init_args; /* PKCS#11; NULL: the provider's */
    bool force_login;
    int level;                /* from ENGINE_LEVEL_INFO on there is a log */
    tessera_vlog_fn *vlog;    /* the program's own log, or NULL */
    struct lock lock;         /* guards provider and pin */
    OSSL_PROVIDER *provider;  /* our own, or NULL: the configuration's */
};

/* id.c: the id to be known by, or NULL: the one wanted is not ours. */
const char *engine_id(const char *wanted);

/* engine.c: a reference to the PIN, which a control may replace meanwhile. */
struct secret *engine_pin(struct engine_state *state);

/* load.c */

/*
 * The property query of the provider that serves this engine; false with an
 * error raised.
 */
bool engine_find_provider(struct engine_state *state,
                          char query[ENGINE_MAX_QUERY]);
/* After a control that the provider must know of: make another one. */
void engine_forget_provider(struct engine_state *state);
EVP_PKEY *engine_load_private(struct engine_state *state, const char *id,
                              UI_METHOD *ui, void *ui_data);
EVP_PKEY *engine_load_public(struct engine_state *state, const char *id,
                             UI_METHOD *ui, void *ui_data);
X509 *engine_load_cert(struct engine_state *state, const char *id);

/* keygen.c */

/* Control KEYGEN: what its argument points at. 1, or 0 with an error raised. */
int engine_keygen(struct engine_state *state, const void *request);

#endif
