/*
 * Certificates in words: whatever stands in them, people get clean UTF-8.
 */
#include "tests/unit/test.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "card/base/text.h"
#include "card/tool/identity.h"

enum { NAME_MAX_BYTES = 1024 };

static EVP_PKEY *key;

/* A certificate of that name: what a card may hold, not what a CA signs. */
struct made {
    X509 *x;
    uint8_t der[4096];
    size_t len;
};

static void make(struct made *m)
{
    m->x = X509_new();
    assert_non_null(m->x);
    X509_set_version(m->x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(m->x), 1);
    X509_gmtime_adj(X509_getm_notBefore(m->x), 0);
    X509_gmtime_adj(X509_getm_notAfter(m->x), 3600);
    assert_int_equal(X509_set_pubkey(m->x, key), 1);
}

/* Of any type, unchecked: X509_NAME_add_entry would limit its length. */
static void name(X509_NAME *to, int nid, int type, struct bytes value)
{
    X509_NAME_ENTRY *entry = NULL;
    ASN1_STRING *data;

    assert_non_null(X509_NAME_ENTRY_create_by_NID(
        &entry, nid, V_ASN1_UTF8STRING, (const unsigned char *)"x", 1));
    data = X509_NAME_ENTRY_get_data(entry);
    ASN1_STRING_set(data, value.data, (int)value.len);
    data->type = type;
    assert_int_equal(X509_NAME_add_entry(to, entry, -1, 0), 1);
    X509_NAME_ENTRY_free(entry);
}

static void extend(struct made *m, const char *oid, struct bytes value)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext;

    ASN1_OCTET_STRING_set(data, value.data, (int)value.len);
    ext = X509_EXTENSION_create_by_OBJ(NULL, object, 0, data);
    assert_int_equal(X509_add_ext(m->x, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(object);
}

static struct bytes finish(struct made *m)
{
    unsigned char *at = m->der;
    int len;

    assert_true(X509_sign(m->x, key, EVP_sha256()) > 0);
    len = i2d_X509(m->x, NULL);
    assert_in_range(len, 1, sizeof(m->der));
    i2d_X509(m->x, &at);
    X509_free(m->x);
    return bytes_from(m->der, (size_t)len);
}

static void assert_clean(const char *text)
{
    if (!text_is_clean(bytes_of_string(text)))
        fail_msg("not clean: %s", text);
}

static const struct {
    int type;
    const char *hex, *shown;
} names[] = {
    {V_ASN1_UTF8STRING, "C3896C6F646965", "\xC3\x89lodie"},
    {V_ASN1_T61STRING, "C96C6F646965", "\xC3\x89lodie"},
    {V_ASN1_BMPSTRING, "00C9006C006F", "\xC3\x89lo"},
    {V_ASN1_UTF8STRING, "611B5B324A62", "a?[2Jb"},  /* ESC [2J */
    {V_ASN1_UTF8STRING, "61C29B33316D", "a?31m"},   /* CSI as U+009B */
    {V_ASN1_T61STRING, "619B33316D", "a?31m"},
    {V_ASN1_BMPSTRING, "0061009B0033", "a?3"},
    {V_ASN1_UTF8STRING, "61E280AE62", "a?b"},       /* turns the writing */
    {V_ASN1_UTF8STRING, "610A746573736572613A", "a?tessera:"},
    {V_ASN1_UTF8STRING, "61646D696E002E6576696C", "admin?.evil"},
};

static void test_names_are_clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < nitems(names); i++) {
        uint8_t space[64];
        struct buf value = BUF_ON(space);
        struct cert_text text;
        struct made m;

        assert_int_equal(bytes_from_hex(names[i].hex, &value), 0);
        make(&m);
        name(X509_get_subject_name(m.x), NID_commonName, names[i].type,
             buf_view(&value));
        name(X509_get_issuer_name(m.x), NID_organizationName, names[i].type,
             buf_view(&value));
        assert_true(cert_describe(finish(&m), &text));
        assert_string_equal(text.holder, names[i].shown);
        assert_clean(text.subject);
        assert_clean(text.issuer);
    }
}

/* Half a letter at the end would make all of it something else. */
static void test_long_names_are_cut_at_a_character(void **state)
{
    static const int nids[] = {NID_commonName, NID_surname};

    (void)state;
    for (size_t i = 0; i < nitems(nids); i++)
        for (size_t start = 0; start < 2; start++) {
            char long_name[NAME_MAX_BYTES] = "x";
            struct cert_text text;
            struct made m;

            for (size_t at = start; at + 2 < sizeof(long_name); at += 2)
                memcpy(long_name + at, "\xC3\xA9", 2);
            make(&m);
            name(X509_get_subject_name(m.x), nids[i], V_ASN1_UTF8STRING,
                 bytes_of_string(long_name));
            name(X509_get_subject_name(m.x), NID_givenName, V_ASN1_UTF8STRING,
                 bytes_of_string(long_name));
            assert_true(cert_describe(finish(&m), &text));
            assert_in_range(strlen(text.holder), 120, CERT_NAME_MAX - 1);
            assert_clean(text.holder);
            assert_clean(text.subject);
        }
}

static void test_a_name_of_nothing_is_empty(void **state)
{
    struct cert_text text;
    struct made m;

    (void)state;
    make(&m);
    assert_true(cert_describe(finish(&m), &text));
    assert_string_equal(text.holder, "");
    assert_string_equal(text.issuer, "");
    assert_false(cert_describe(bytes_of_string("no certificate"), &text));
    assert_false(cert_describe(bytes_from(NULL, 0), &text));
}

static void test_professionals_are_clean(void **state)
{
    struct identity id;
    struct made m;
    X509_NAME *subject;

    (void)state;
    make(&m);
    subject = X509_get_subject_name(m.x);
    name(subject, NID_commonName, V_ASN1_UTF8STRING,
         bytes_of_string("0B4005951"));
    name(subject, NID_surname, V_ASN1_UTF8STRING,
         bytes_of_string("DENT\xC2\x9B" "1m"));
    name(subject, NID_title, V_ASN1_UTF8STRING, bytes_of_string("\033c"));
    assert_true(identity_read(finish(&m), &id));
    assert_string_equal(id.family, "DENT?1m");
    assert_string_equal(id.profession, "?c");
    assert_string_equal(id.kind, "ADELI");
}

static void take(void *arg, const char *oid, const char *value)
{
    char *all = arg;

    assert_clean(value);
    strcat(all, oid + strlen("1.2.250.1.71."));
    strcat(all, "=");
    strcat(all, value);
    strcat(all, "\n");
}

static void test_extensions_are_text_or_digits(void **state)
{
    static const uint8_t oid[] = {0x06, 0x03, 0x2A, 0x03, 0x04};
    static const uint8_t printable[] = {0x13, 0x02, '1', '0'};
    static const uint8_t escape[] = {0x0C, 0x03, 0x1B, '[', 'J'};
    static const uint8_t null[] = {0x05, 0x00};
    static const uint8_t empty[] = {0x13, 0x00};
    static const uint8_t negative[] = {0x02, 0x01, 0x81};
    char all[1024] = "";
    struct made m;

    (void)state;
    make(&m);
    extend(&m, "1.2.250.1.71.1.2.7", BYTES_OF(printable));
    extend(&m, "1.2.250.1.71.1.2.8", BYTES_OF(escape));
    extend(&m, "1.2.250.1.71.1.2.9", BYTES_OF(oid));
    extend(&m, "1.2.250.1.71.2", BYTES_OF(null));
    extend(&m, "1.2.250.1.71.3", BYTES_OF(empty));
    extend(&m, "1.2.250.1.71.4", BYTES_OF(negative));
    extend(&m, "1.2.250.1.71.5", bytes_of_string("10"));
    extend(&m, "1.2.250.1.72", BYTES_OF(printable));
    identity_extensions(finish(&m), take, all);
    assert_string_equal(all, "1.2.7=10 (interpretation: M\xC3\xA9" "decin)\n"
                             "1.2.8=1B5B4A\n1.2.9=06032A0304\n2=0500\n"
                             "3=\n4=020181\n5=10\n");
}

/* The commonName next to the holder, whatever characters it is written in. */
static void test_short_names_are_the_last_common_name(void **state)
{
    static const uint8_t bmp[] = {0x00, 'A', 0x00, 0xC9};
    X509_NAME *made = X509_NAME_new();
    char text[CERT_NAME_MAX];

    (void)state;
    assert_non_null(made);
    cert_short_name(made, text, sizeof(text));
    assert_string_equal(text, "?");
    name(made, NID_countryName, V_ASN1_PRINTABLESTRING, bytes_of_string("FR"));
    cert_short_name(made, text, sizeof(text));
    assert_string_equal(text, "FR");
    name(made, NID_commonName, V_ASN1_UTF8STRING, bytes_of_string("first"));
    name(made, NID_commonName, V_ASN1_BMPSTRING, BYTES_OF(bmp));
    name(made, NID_organizationName, V_ASN1_UTF8STRING, bytes_of_string("o"));
    cert_short_name(made, text, sizeof(text));
    assert_string_equal(text, "A\xC3\x89");
    assert_true(cert_name_entry(made, NID_organizationName, text,
                                sizeof(text)));
    assert_false(cert_name_entry(made, NID_surname, text, sizeof(text)));
    assert_string_equal(text, "");
    X509_NAME_free(made);
}

static void test_a_date_that_is_none_is_a_question_mark(void **state)
{
    char date[CERT_DATE_MAX];

    (void)state;
    assert_int_equal(cert_date(NULL, date), 0);
    assert_string_equal(date, "?");
}

static int make_key(void **state)
{
    (void)state;
    key = EVP_EC_gen("P-256");
    return key == NULL;
}

static int free_key(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_clean),
        cmocka_unit_test(test_long_names_are_cut_at_a_character),
        cmocka_unit_test(test_a_name_of_nothing_is_empty),
        cmocka_unit_test(test_professionals_are_clean),
        cmocka_unit_test(test_extensions_are_text_or_digits),
        cmocka_unit_test(test_short_names_are_the_last_common_name),
        cmocka_unit_test(test_a_date_that_is_none_is_a_question_mark),
    };

    return cmocka_run_group_tests(tests, make_key, free_key);
}
