/*
 * The driver of PKCS#11 tokens (OASIS PKCS#11 v2.40, with EdDSA of v3.0, and
 * ML-DSA and ML-KEM of v3.2): what the table of drivers knows.
 */
#include "card/pkcs11/p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int p11_probe(struct token *t)
{
    const struct p11_slot *slot;
    const struct p11_identity *id;

    if (t->reader->ops != &reader_pkcs11)
        return CARD_E_NOT_MINE;
    slot = p11_slot_of(t);
    id = &slot->token;
    if ((t->priv = calloc(1, sizeof(struct p11_token))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    snprintf(t->title, sizeof(t->title), "token \"%s\" (%s)", id->label,
             id->serial);
    snprintf(t->label, sizeof(t->label), "%s", id->label);
    snprintf(t->manufacturer, sizeof(t->manufacturer), "%s",
             id->manufacturer);
    snprintf(t->model, sizeof(t->model), "%s", id->model);
    snprintf(t->serial, sizeof(t->serial), "%s", id->serial);
    t->listed = TOKEN_INFO;
    t->hidden = (slot->flags & CKF_LOGIN_REQUIRED) != 0;
    return 0;
}

static int p11_select(struct token *t)
{
    t->selected = true;
    return 0;
}

static int p11_read_cert(struct token *t, const struct card_cert_info *cert,
                         struct buf *der)
{
    (void)t;
    (void)cert;
    (void)der;
    return card_fail(CARD_E_UNSUPPORTED, "certificates come with the search");
}

static void p11_close(struct token *t)
{
    struct p11_token *priv = t->priv;

    if (priv == NULL)
        return;
    while (priv->objects != NULL) {
        struct p11_object *next = priv->objects->next;

        buf_free(&priv->objects->public);
        free(priv->objects);
        priv->objects = next;
    }
    free(priv);
    t->priv = NULL;
}

const struct driver driver_pkcs11 = {
    .name = "pkcs11",
    .concurrent = true,
    .probe = p11_probe,
    .select = p11_select,
    .list = p11_list,
    .read_cert = p11_read_cert,
    .pin_status = p11_pin_status,
    .verify = p11_verify,
    .sign = p11_sign,
    .decrypt = p11_decrypt,
    .derive = p11_derive,
    .decapsulate = p11_decapsulate,
    .find = p11_find,
    .generate = p11_generate,
    .close = p11_close,
};
