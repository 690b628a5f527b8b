/*
 * ISO 7816-15 values that do not lie in a file of their own, public keys, and
 * what TokenInfo tells of algorithms and of the last update.
 */
#include <string.h>

#include "card/error.h"
#include "card/object.h"
#include "card/wire/p15.h"
#include "tests/sim/template.h"
#include "tests/unit/test.h"

static uint8_t raw[4096];
static struct buf file;

static int set_up(void **state)
{
    (void)state;
    file = (struct buf)BUF_ON(raw);
    return 0;
}

static void put(const char *text)
{
    assert_int_equal(template_put(&file, text, NULL), 0);
}

/* ---- certificates -------------------------------------------------------- */

static void test_cdf_when_certificate_is_inline_then_its_place(void **state)
{
    struct card_cert_info certs[4];
    size_t count = 0;

    (void)state;
    put("30 (30 () 30 (04 (01)) A1 (30 (30 (04 (4331)))))");
    put("30 (30 () 30 (04 (02)) A1 (30 (A0 (30 (02 (05)) 05 00))))");
    put("30 (30 () 30 (04 (03)) A1 (30 (30 (04 (4331) 02 (0100) 80 (40)))))");
    p15_parse_cdf(buf_view(&file), certs, nitems(certs), &count);
    assert_int_equal(count, 3);
    assert_int_equal(certs[1].path.len, 0);
    assert_int_equal(certs[1].length, 5);
    assert_memory_equal(file.data + certs[1].offset, "\x30\x03\x02\x01\x05", 5);
    assert_int_equal(certs[2].path.len, 2);
    assert_int_equal(certs[2].offset, 0x100);
    assert_int_equal(certs[2].length, 0x40);
}

static void test_odf_when_a_path_has_a_range_then_it_is_kept(void **state)
{
    struct p15_odf odf;

    (void)state;
    put("A4 (30 (04 (4404) 02 (10) 80 (20)) 30 (04 (4404) 02 (30) 80 (20)) "
        "30 (04 (4404) 02 (10) 80 (20)))");
    assert_int_equal(p15_parse_odf(buf_view(&file), &odf), 0);
    assert_int_equal(odf.cdf.count, 2); /* the third is the first */
    assert_int_equal(odf.cdf.range[0].offset, 0x10);
    assert_int_equal(odf.cdf.range[1].offset, 0x30);
    assert_int_equal(odf.cdf.range[1].length, 0x20);
}

/* ---- keys ---------------------------------------------------------------- */

static void test_prkdf_when_algorithms_are_told_then_bits(void **state)
{
    struct card_key_info keys[4];
    size_t count = 0;

    (void)state;
    put("30 (30 () 30 (04 (01) 02 (0081) A1 (02 (00) 02 (05) 02 (7F))) A1 (30 "
        "(30 (04 ()) 02 (0800))))");
    put("30 (30 () 30 (04 (02)) A1 (30 (30 (04 (4B01)) 02 (0800))))");
    p15_parse_prkdf(buf_view(&file), keys, nitems(keys), &count);
    assert_int_equal(count, 2);
    assert_int_equal(keys[0].algorithms, 1 << 0 | 1 << 5);
    assert_int_equal(keys[0].ref, 0x81);
    assert_false(keys[0].no_ref);
    assert_int_equal(keys[1].algorithms, 0);
    assert_true(keys[1].no_ref);
}

static void test_public_when_in_any_form_then_spki(void **state)
{
    static const struct card_id one = {{0x01}, 1}, two = {{0x02}, 1},
                                three = {{0x03}, 1};
    struct p15_public public;
    uint8_t space[CARD_MAX_PUBLIC];
    struct buf spki = BUF_ON(space);

    (void)state;
    put("30 (30 () 30 (04 (01)) A1 (30 (A0 (30 (02 (00C5) 02 (03))))))");
    put("30 (30 () 30 (04 (02)) A1 (30 (30 (04 (5501)) 02 (0800))))");
    assert_true(p15_find_public(buf_view(&file), &one, &public));
    assert_int_equal(public.path.len, 0);
    assert_int_equal(p15_public_spki(&public, public.direct, &spki), 0);
    assert_int_equal(spki.data[0], 0x30);
    assert_true(p15_find_public(buf_view(&file), &two, &public));
    assert_memory_equal(public.path.data, "\x55\x01", 2);
    assert_int_equal(public.bits, 2048);
    assert_false(p15_find_public(buf_view(&file), &three, &public));
}

/* Bare and in an OCTET STRING; a SubjectPublicKeyInfo stays as it is. */
static void test_public_when_a_point_then_its_curve(void **state)
{
    static const struct {
        unsigned bits;
        size_t len;
        int rc;
    } rows[] = {{256, 65, 0},  {0, 65, 0},   {0, 97, 0},
                {0, 133, 0},   {521, 133, 0}, {384, 65, CARD_E_PROTOCOL},
                {0, 64, CARD_E_PROTOCOL},     {192, 49, CARD_E_PROTOCOL}};
    uint8_t space[CARD_MAX_PUBLIC], point[140] = {0x04};
    struct bytes args[1];

    (void)state;
    for (size_t i = 0; i < 2 * nitems(rows); i++) {
        struct p15_public public = {.type = CARD_KEY_EC,
                                    .bits = rows[i / 2].bits};
        struct buf spki = BUF_ON(space);

        file.len = 0;
        args[0] = bytes_from(point, rows[i / 2].len);
        assert_int_equal(template_put(&file, i % 2 ? "04 ($0)" : "$0", args),
                         0);
        assert_int_equal(p15_public_spki(&public, buf_view(&file), &spki),
                         rows[i / 2].rc);
    }
}

static void test_public_when_malformed_then_protocol(void **state)
{
    static const char *const wrong[] = {"", "05 00", "30 ()", "30 (02 (01))",
                                        "30 (04 (01))"};
    const struct p15_public public = {.type = CARD_KEY_RSA, .bits = 2048};
    uint8_t space[CARD_MAX_PUBLIC];

    (void)state;
    for (size_t i = 0; i < nitems(wrong); i++) {
        struct buf spki = BUF_ON(space);

        file.len = 0;
        put(wrong[i]);
        assert_int_equal(p15_public_spki(&public, buf_view(&file), &spki),
                         CARD_E_PROTOCOL);
        assert_int_equal(spki.len, 0);
    }
}

/* ---- TokenInfo ----------------------------------------------------------- */

static void test_token_info_when_it_tells_algorithms_then_kept(void **state)
{
    struct p15_token_info info;

    (void)state;
    put("30 (02 (00) 04 (01) 03 (0410) A2 ("
        "30 (02 (01) 02 (01) 05 00 03 (0640) 02 (11)) "
        "30 (02 (02) 02 (1041) 06 (2A) 03 (0640) 06 (2B) 02 (0091)) "
        "30 (02 (03) 02 (1041) 05 00 03 (0640)) 05 00) "
        "A5 (18 ('20261122100409Z')))");
    assert_int_equal(p15_parse_token_info(buf_view(&file), &info), 0);
    assert_int_equal(info.algorithm_count, 2); /* the third has no byte */
    assert_int_equal(info.algorithms[0].operations, P15_COMPUTE_SIGNATURE);
    assert_int_equal(info.algorithms[1].reference, 2);
    assert_int_equal(info.algorithms[1].mechanism, 0x1041);
    assert_int_equal(info.algorithms[1].alg_ref, 0x91);
    assert_string_equal(info.last_update, "20261122100409Z");
}

static void test_token_info_when_the_time_is_elsewhere_then_none(void **state)
{
    static const char *const others[] = {
        "30 (02 (00) A5 (A0 (30 (04 (5033)))))", "30 (02 (00) A5 ())",
        "30 (02 (00) A5 (18 (20 0A)))",
        "30 (02 (00) A5 (18 ('2026112210040900000000000Z')))"};
    struct p15_token_info info;

    (void)state;
    for (size_t i = 0; i < nitems(others); i++) {
        file.len = 0;
        put(others[i]);
        assert_int_equal(p15_parse_token_info(buf_view(&file), &info), 0);
        assert_string_equal(info.last_update, "");
    }
}

static void test_token_info_when_many_algorithms_then_capped(void **state)
{
    struct p15_token_info info;

    (void)state;
    put("30 (02 (00) A2 (30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 "
        "(11)) 30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11)) "
        "30 (02 (01) 02 (01) 02 (11)) 30 (02 (01) 02 (01) 02 (11))))");
    assert_int_equal(p15_parse_token_info(buf_view(&file), &info), 0);
    assert_int_equal(info.algorithm_count, P15_MAX_ALGORITHMS);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cdf_when_certificate_is_inline_then_its_place),
        TEST(test_odf_when_a_path_has_a_range_then_it_is_kept),
        TEST(test_prkdf_when_algorithms_are_told_then_bits),
        TEST(test_public_when_in_any_form_then_spki),
        TEST(test_public_when_a_point_then_its_curve),
        TEST(test_public_when_malformed_then_protocol),
        TEST(test_token_info_when_it_tells_algorithms_then_kept),
        TEST(test_token_info_when_the_time_is_elsewhere_then_none),
        TEST(test_token_info_when_many_algorithms_then_capped)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
