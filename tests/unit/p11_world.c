/*
 * A SoftHSM token behind p11-wrap.so, and a program that uses it.
 */
#include "tests/unit/p11_world.h"

#include "tests/unit/test.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/p11/test_token.h"

static const struct card_key_request kinds[P11_KEYS] = {
    [P11_RSA] = {.type = CARD_KEY_RSA, .bits = 1024},
    [P11_EC] = {.type = CARD_KEY_EC, .bits = 256},
    [P11_ED25519] = {.type = CARD_KEY_ED25519},
};
static const char *const names[P11_KEYS] = {"rsa", "ec", "ed25519"};
static const char label[] = "sweep";

struct card_world p11;

static struct card_module module;
static EVP_PKEY *publics[P11_KEYS]; /* as they were when the keys were made */
static CK_TOKEN_INFO token;

/* ---- the program --------------------------------------------------------- */

void p11_stop(void)
{
    CK_FUNCTION_LIST *list;

    card_context_free(p11.ctx);
    p11.ctx = NULL;
    /* A fault may have kept the context from it. */
    if (get_list(&list) == CKR_OK)
        list->C_Finalize(NULL);
}

void p11_start(void)
{
    p11_stop();
    unlink(path("log"));
    set_file("LOG", "log");
    set_file("TRIES", "tries");
    p11.settings.modules = &module;
    p11.settings.module_count = 1;
    assert_int_equal(card_context_new(&p11.settings, &p11.ctx), 0);
}

unsigned p11_calls(const char *function)
{
    return lines("log", function);
}

unsigned p11_wrong_pins(void)
{
    FILE *file = fopen(path("tries"), "r");
    unsigned n = 0;

    if (file == NULL)
        return 0;
    assert_int_equal(fscanf(file, "%u", &n), 1);
    fclose(file);
    return n;
}

const char *p11_uri(enum p11_key which, const char *rest)
{
    static char uri[256];

    snprintf(uri, sizeof(uri), P11_TOKEN ";object=%s%s", names[which], rest);
    return uri;
}

int p11_find_key(const char *uri, struct card_key **out)
{
    struct card_search *search;
    struct card_object found;
    struct card_uri parsed;
    int rc;

    assert_int_equal(card_uri_parse(uri, &parsed), 0);
    assert_int_equal(card_search_new(p11.ctx, &parsed, CARD_KIND_PRIVATE,
                                     &search), 0);
    card_search_set_ask(search, p11.settings.ask_pin, p11.settings.ask_arg);
    rc = card_search_next(search, &found);
    card_search_free(search);
    if (rc == 0)
        *out = found.key;
    return rc;
}

struct card_key *p11_key(enum p11_key which, const char *rest)
{
    struct card_key *found = NULL;

    if (p11_find_key(p11_uri(which, rest), &found) != 0)
        fail_msg("%s", card_error_sentence());
    return found;
}

/* ---- the token ----------------------------------------------------------- */

static void find_by_label(bool initialised)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;

    assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        slot = slots[i];
        assert_int_equal(f->C_GetTokenInfo(slot, &token), CKR_OK);
        if (((token.flags & CKF_TOKEN_INITIALIZED) != 0) == initialised &&
            (!initialised || memcmp(token.label, label, strlen(label)) == 0))
            return;
    }
    fail_msg("no such token");
}

static void init_token(void)
{
    CK_BYTE so_pin[] = "12345678", pin[] = PIN, text[33];

    start();
    find_by_label(false);
    memset(text, ' ', sizeof(text));
    memcpy(text, label, strlen(label));
    assert_int_equal(f->C_InitToken(slot, so_pin, 8, text), CKR_OK);
    find_by_label(true);
    assert_int_equal(open_session(), CKR_OK);
    assert_int_equal(login(CKU_SO, "12345678"), CKR_OK);
    assert_int_equal(f->C_InitPIN(session, pin, strlen(PIN)), CKR_OK);
    finish(NULL);
}

void p11_at_token(void)
{
    start();
    find_by_label(true);
    assert_int_equal(open_session(), CKR_OK);
    assert_int_equal(login(CKU_USER, PIN), CKR_OK);
}

static void delete_files(const char *folder)
{
    char pattern[200], hex[2 * sizeof(token.serialNumber) + 1];
    glob_t found;

    bytes_to_hex(BYTES_OF(token.serialNumber), hex, sizeof(hex));
    snprintf(pattern, sizeof(pattern), "%s/%s-*", folder, hex);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
}

/* Where card/pkcs11/mark.c keeps them. */
static void delete_marks(void)
{
    delete_files(path("state/tessera"));
}

void p11_forgive(void)
{
    p11_stop();
    p11_at_token();
    finish(NULL);
    delete_marks();
    unlink(path("tries"));
}

static CK_ULONG delete_some(CK_ATTRIBUTE *template)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;

    assert_int_equal(f->C_FindObjectsInit(session, template, 1), CKR_OK);
    assert_int_equal(f->C_FindObjects(session, found, 64, &count), CKR_OK);
    assert_int_equal(f->C_FindObjectsFinal(session), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++)
        assert_int_equal(f->C_DestroyObject(session, found[i]), CKR_OK);
    return count;
}

void p11_delete(const char *name)
{
    CK_ATTRIBUTE template = {CKA_LABEL, (void *)(uintptr_t)name, strlen(name)};

    p11_stop();
    p11_at_token();
    while (delete_some(&template) > 0)
        ;
    finish(NULL);
}

static EVP_PKEY *public_of(const struct card_key *k)
{
    struct bytes der = card_key_public(k);
    const unsigned char *p = der.data;
    EVP_PKEY *out = d2i_PUBKEY(NULL, &p, (long)der.len);

    assert_non_null(out);
    return out;
}

int p11_make(void **state)
{
    struct card_key *made;
    struct card_uri uri;

    make_token(state);
    init_token();
    assert_int_equal(setenv("XDG_STATE_HOME", path("state"), 1), 0);
    module.path = getenv("P11_WRAP");
    p11_start();
    for (size_t i = 0; i < P11_KEYS; i++) {
        assert_int_equal(card_uri_parse(p11_uri((enum p11_key)i, P11_PIN),
                                        &uri), 0);
        uri.id.data[0] = (uint8_t)(i + 1);
        uri.id.len = 1;
        assert_int_equal(card_generate(p11.ctx, &uri, &kinds[i], &made), 0);
        publics[i] = public_of(made);
        card_key_free(made);
    }
    return p11_tidy(state);
}

int p11_tidy(void **state)
{
    p11_stop();
    finish(state);
    memset(&p11, 0, sizeof(p11));
    p11_forgive();
    return 0;
}

int p11_remove(void **state)
{
    delete_marks();
    for (size_t i = 0; i < P11_KEYS; i++)
        EVP_PKEY_free(publics[i]);
    return remove_token(state);
}

/* ---- right or wrong ------------------------------------------------------ */

static const char message[] = "what is signed";
static const char secret_text[] = "the content key";

static void to_be_signed(enum p11_key which, enum card_padding padding,
                         struct card_tbs *tbs)
{
    unsigned len = 0;

    memset(tbs, 0, sizeof(*tbs));
    tbs->padding = padding;
    tbs->hash = tbs->mgf_hash = CARD_HASH_SHA256;
    tbs->salt_len = 32;
    tbs->message = bytes_of_string(message);
    if (which == P11_ED25519)
        return;
    assert_int_equal(EVP_Digest(message, strlen(message), tbs->value, &len,
                                EVP_sha256(), NULL), 1);
    tbs->len = len;
}

static bool verifies(enum p11_key which, enum card_padding padding,
                     struct bytes sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;
    bool good;

    assert_int_equal(EVP_DigestVerifyInit(ctx, &key_ctx,
                                          which == P11_ED25519 ? NULL
                                                               : EVP_sha256(),
                                          NULL, publics[which]), 1);
    if (which == P11_RSA && padding == CARD_PAD_PSS)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_ctx,
                                                      RSA_PKCS1_PSS_PADDING),
                         1);
    good = EVP_DigestVerify(ctx, sig.data, sig.len,
                            (const unsigned char *)message,
                            strlen(message)) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

int p11_sign_and_check(struct card_key *k, enum p11_key which,
                       enum card_padding padding)
{
    uint8_t space[CARD_MAX_SIGNATURE];
    struct buf sig = BUF_ON(space);
    struct card_tbs tbs;
    int rc;

    to_be_signed(which, padding, &tbs);
    if ((rc = card_sign(k, &tbs, &sig)) < 0)
        return rc;
    return verifies(which, padding, buf_view(&sig)) ? 0 : P11_WRONG_RESULT;
}

static size_t encrypt(const struct card_unpad *how, uint8_t *out, size_t cap)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(publics[P11_RSA], NULL);
    bool oaep = how->padding == CARD_UNPAD_OAEP;
    size_t len = cap;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
                         ctx, oaep ? RSA_PKCS1_OAEP_PADDING
                                   : RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &len,
                                      (const unsigned char *)secret_text,
                                      sizeof(secret_text)), 1);
    EVP_PKEY_CTX_free(ctx);
    return len;
}

int p11_decrypt_and_check(struct card_key *k, const struct card_unpad *how)
{
    uint8_t cryptogram[512], space[512];
    struct buf plain = BUF_ON(space);
    size_t len = encrypt(how, cryptogram, sizeof(cryptogram));
    int rc = card_decrypt(k, how, bytes_from(cryptogram, len), &plain);

    if (rc < 0)
        return rc;
    return bytes_equal(buf_view(&plain), BYTES_OF(secret_text))
               ? 0 : P11_WRONG_RESULT;
}

static void agree(EVP_PKEY *own, EVP_PKEY *peer, struct buf *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);

    out->len = out->cap;
    assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
    assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
    assert_int_equal(EVP_PKEY_derive(ctx, out->data, &out->len), 1);
    EVP_PKEY_CTX_free(ctx);
}

int p11_derive_and_check(struct card_key *k)
{
    uint8_t space[64], expected_space[64], point[200];
    struct buf agreed = BUF_ON(space), expected = BUF_ON(expected_space);
    EVP_PKEY *peer = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    size_t len;
    int rc;

    assert_int_equal(EVP_PKEY_get_octet_string_param(
                         peer, "pub", point, sizeof(point), &len), 1);
    agree(peer, publics[P11_EC], &expected);
    rc = card_derive(k, bytes_from(point, len), &agreed);
    EVP_PKEY_free(peer);
    if (rc < 0)
        return rc;
    return bytes_equal(buf_view(&agreed), buf_view(&expected))
               ? 0 : P11_WRONG_RESULT;
}
