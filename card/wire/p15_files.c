/*
 * The ISO 7816-15 files that say where all others are, and what card it is:
 * EF.DIR, EF.ODF, TokenInfo.
 */
#include "card/wire/p15_int.h"

#include <string.h>

#include "card/error.h"

enum {
    TAG_AID = 0x4F,
    TAG_APP_LABEL = 0x50,
    TAG_APP_PATH = 0x51,
    TAG_APPLICATION = 0x61,
    TAG_ODF_PRKDF = 0xA0,
    TAG_ODF_PUKDF = 0xA1,
    TAG_ODF_CDF = 0xA4,
    TAG_ODF_CDF_TRUSTED = 0xA5,
    TAG_ODF_CDF_USEFUL = 0xA6,
    TAG_ODF_DODF = 0xA7,
    TAG_ODF_AODF = 0xA8,
    TAG_ALGORITHMS = 0xA2,
    TAG_LAST_UPDATE = 0xA5
};

static bool has_path(const struct p15_files *files, const struct p15_path *path)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->range[i].offset == path->range.offset &&
            bytes_equal(bytes_from(files->path[i].data, files->path[i].len),
                        bytes_from(path->file.data, path->file.len)))
            return true;
    }
    return false;
}

/* The Paths in every entry with that tag; one named twice counts once. */
static void collect_paths(struct bytes odf, uint32_t tag,
                          struct p15_files *files)
{
    struct tlv entry, t;
    struct p15_path path;

    while (p15_next_object(&odf, &entry)) {
        if (entry.tag != tag)
            continue;
        while (files->count < P15_MAX_FILES && tlv_next(&entry.value, &t)) {
            if (t.tag != TAG_SEQUENCE || !p15_parse_path(t.value, &path) ||
                path.file.len == 0 || has_path(files, &path))
                continue;
            files->range[files->count] = path.range;
            files->path[files->count++] = path.file;
        }
    }
}

int p15_parse_odf(struct bytes file, struct p15_odf *out)
{
    *out = (struct p15_odf){.prkdf = {.count = 0}};
    collect_paths(file, TAG_ODF_PRKDF, &out->prkdf);
    collect_paths(file, TAG_ODF_PUKDF, &out->pukdf);
    collect_paths(file, TAG_ODF_CDF, &out->cdf);
    collect_paths(file, TAG_ODF_CDF_TRUSTED, &out->cdf);
    collect_paths(file, TAG_ODF_CDF_USEFUL, &out->cdf);
    collect_paths(file, TAG_ODF_DODF, &out->dodf);
    collect_paths(file, TAG_ODF_AODF, &out->aodf);
    if (out->prkdf.count + out->pukdf.count + out->cdf.count +
            out->dodf.count + out->aodf.count == 0)
        return card_fail(CARD_E_PROTOCOL, "EF.ODF names no directory file");
    return 0;
}

/* GeneralizedTime as it stands there; only of the simple form, as a text. */
static void find_last_update(struct bytes info, char out[P15_MAX_TIME])
{
    static const uint32_t path[] = {TAG_LAST_UPDATE, TAG_GENERALIZED_TIME, 0};
    struct tlv t;

    if (!tlv_find_path(info, path, &t) || t.value.len >= P15_MAX_TIME)
        return;
    for (size_t i = 0; i < t.value.len; i++) {
        if (t.value.data[i] <= ' ' || t.value.data[i] > '~')
            return;
    }
    memcpy(out, t.value.data, t.value.len);
    out[t.value.len] = '\0';
}

static bool next_integer(struct bytes *cursor, uint32_t *out)
{
    struct tlv t;

    return tlv_next_is(cursor, TAG_INTEGER, &t) && tlv_unsigned(t.value, out);
}

/* { reference, mechanism, parameters, operations, algId?, algRef? } */
static bool parse_algorithm(struct bytes in, struct p15_algorithm *out)
{
    struct tlv t;
    uint32_t alg_ref;

    if (!next_integer(&in, &out->reference) ||
        !next_integer(&in, &out->mechanism) || !tlv_find(in, TAG_INTEGER, &t) ||
        !tlv_unsigned(t.value, &alg_ref))
        return false;
    out->alg_ref = (uint8_t)alg_ref;
    out->operations = p15_find_bits(in, TAG_BIT_STRING);
    return true;
}

static void find_token_algorithms(struct bytes info,
                                  struct p15_token_info *out)
{
    struct tlv list, t;

    if (!tlv_find(info, TAG_ALGORITHMS, &list))
        return;
    while (out->algorithm_count < P15_MAX_ALGORITHMS &&
           tlv_next(&list.value, &t)) {
        if (t.tag == TAG_SEQUENCE &&
            parse_algorithm(t.value, &out->algorithms[out->algorithm_count]))
            out->algorithm_count++;
    }
}

int p15_parse_token_info(struct bytes file, struct p15_token_info *out)
{
    struct tlv info, t;

    *out = (struct p15_token_info){.version = -1};
    if (!tlv_next_is(&file, TAG_SEQUENCE, &info))
        return card_fail(CARD_E_PROTOCOL, "TokenInfo is no SEQUENCE");
    if (tlv_find(info.value, TAG_INTEGER, &t) && t.value.len == 1)
        out->version = t.value.data[0];
    if (tlv_find(info.value, TAG_OCTET_STRING, &t))
        bytes_to_hex(t.value, out->serial, sizeof(out->serial));
    p15_find_label(info.value, TAG_UTF8, out->manufacturer);
    p15_find_label(info.value, TAG_CONTEXT_0, out->label);
    find_last_update(info.value, out->last_update);
    find_token_algorithms(info.value, out);
    return 0;
}

static bool parse_app(const struct tlv *t, struct p15_app *out)
{
    struct tlv field;

    *out = (struct p15_app){.label = ""};
    if (t->tag != TAG_APPLICATION)
        return false;
    if (tlv_find(t->value, TAG_AID, &field) &&
        !p15_copy_path(&out->aid, field.value))
        return false;
    if (tlv_find(t->value, TAG_APP_PATH, &field) &&
        !p15_copy_path(&out->path, field.value))
        return false;
    p15_find_label(t->value, TAG_APP_LABEL, out->label);
    return out->aid.len > 0 || out->path.len > 0;
}

void p15_parse_dir(struct bytes file, struct p15_app *apps, size_t cap,
                   size_t *count)
{
    struct tlv t;

    *count = 0;
    while (*count < cap && p15_next_object(&file, &t)) {
        if (parse_app(&t, &apps[*count]))
            (*count)++;
    }
}
