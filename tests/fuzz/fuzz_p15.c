/*
 * libFuzzer: ISO 7816-15 files. The first byte says how much room the arrays
 * have; the rest is read as each of the files.
 */
#include <stdlib.h>
#include <string.h>

#include "card/wire/p15.h"
#include "tests/fuzz/fuzz.h"

enum { ROOM_MAX = 16 };

/* An array of exactly that many: sanitizers see one record too many. */
static void *new_array(size_t room, size_t size)
{
    void *array = calloc(room, size);

    must(array != NULL, "memory");
    return array;
}

static void parse_dir(struct bytes file, size_t room)
{
    struct p15_app *apps = new_array(room, sizeof(*apps));
    size_t count;

    p15_parse_dir(file, apps, room, &count);
    must(count <= room, "no more applications than there is room for");
    for (size_t i = 0; i < count; i++) {
        must_be_path(&apps[i].aid);
        must_be_path(&apps[i].path);
        must_be_string(apps[i].label, sizeof(apps[i].label));
    }
    free(apps);
}

static void parse_prkdf(struct bytes file, size_t room)
{
    struct card_key_info *keys = new_array(room, sizeof(*keys));
    size_t count = 0;

    p15_parse_prkdf(file, keys, room, &count);
    p15_parse_prkdf(file, keys, room, &count);
    must(count <= room, "no more keys than there is room for");
    for (size_t i = 0; i < count; i++)
        must_be_key(&keys[i]);
    free(keys);
}

static void parse_cdf(struct bytes file, size_t room)
{
    struct card_cert_info *certs = new_array(room, sizeof(*certs));
    size_t count = 0;

    p15_parse_cdf(file, certs, room, &count);
    p15_parse_cdf(file, certs, room, &count);
    must(count <= room, "no more certificates than there is room for");
    for (size_t i = 0; i < count; i++)
        must_be_cert(&certs[i]);
    free(certs);
}

static void parse_aodf(struct bytes file, size_t room)
{
    struct card_pin_info *pins = new_array(room, sizeof(*pins));
    size_t count = 0;

    p15_parse_aodf(file, pins, room, &count);
    p15_parse_aodf(file, pins, room, &count);
    must(count <= room, "no more PINs than there is room for");
    for (size_t i = 0; i < count; i++)
        must_be_pin(&pins[i]);
    free(pins);
}

static void must_be_files(const struct p15_files *files)
{
    must(files->count <= P15_MAX_FILES, "no more files than there is room for");
    for (size_t i = 0; i < files->count; i++) {
        must_be_path(&files->path[i]);
        must(files->path[i].len > 0, "a file has a path");
    }
}

static void parse_odf(struct bytes file)
{
    struct p15_odf odf;
    int rc = p15_parse_odf(file, &odf);

    must_be_result(rc);
    must_be_files(&odf.prkdf);
    must_be_files(&odf.pukdf);
    must_be_files(&odf.cdf);
    must_be_files(&odf.aodf);
    must((rc == 0) == (odf.prkdf.count + odf.pukdf.count + odf.cdf.count +
                           odf.aodf.count >
                       0),
         "an ODF names files");
}

static void parse_token_info(struct bytes file)
{
    struct p15_token_info info;

    must_be_result(p15_parse_token_info(file, &info));
    must_be_string(info.label, sizeof(info.label));
    must_be_string(info.manufacturer, sizeof(info.manufacturer));
    must_be_string(info.serial, sizeof(info.serial));
    must_be_string(info.last_update, sizeof(info.last_update));
    must(info.algorithm_count <= P15_MAX_ALGORITHMS,
         "no more algorithms than there is room for");
}

/* The file's first bytes are taken for the iD that is looked for. */
static void parse_public(struct bytes file, size_t room)
{
    struct card_id id = {.len = room % 4};
    struct p15_public public;
    uint8_t space[CARD_MAX_PUBLIC];
    struct buf spki = BUF_ON(space);

    memcpy(id.data, file.data, id.len < file.len ? id.len : file.len);
    if (!p15_find_public(file, &id, &public))
        return;
    must_be_path(&public.path);
    must(public.path.len > 0 || public.direct.len > 0, "a key is somewhere");
    must_be_result(p15_public_spki(
        &public, public.path.len > 0 ? file : public.direct, &spki));
    must_be_buf(&spki);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_from(data, size);
    uint8_t room;

    if (!bytes_take_u8(&file, &room))
        return 0;
    room = room % ROOM_MAX + 1;
    parse_dir(file, room);
    parse_odf(file);
    parse_token_info(file);
    parse_prkdf(file, room);
    parse_cdf(file, room);
    parse_aodf(file, room);
    parse_public(file, room);
    return 0;
}
