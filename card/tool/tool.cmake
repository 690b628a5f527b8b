# The program, its catalogue, manual pages and completion. Everything is found
# from where the program is (../share), so a build tree works as an
# installation does.
add_executable(tool
    card/tool/activate.c
    card/tool/authorities.c
    card/tool/card_files.c
    card/tool/cert.c
    card/tool/cert_text.c
    card/tool/chain.c
    card/tool/chain_install.c
    card/tool/choose.c
    card/tool/config.c
    card/tool/deactivate.c
    card/tool/doctor.c
    card/tool/doctor_cards.c
    card/tool/doctor_config.c
    card/tool/doctor_others.c
    card/tool/doctor_pins.c
    card/tool/doctor_plugins.c
    card/tool/doctor_service.c
    card/tool/identity.c
    card/tool/key.c
    card/tool/list.c
    card/tool/main.c
    card/tool/net.c
    card/tool/object_pem.c
    card/tool/ossl.c
    card/tool/out.c
    card/tool/pin.c
    card/tool/pin_ask.c
    card/tool/pin_say.c
    card/tool/prompt.c
    card/tool/samples.c
    card/tool/setup.c
    card/tool/setup_program.c
    card/tool/setup_text.c
    card/tool/setup_version.c
    card/tool/setup_write.c
    card/tool/registry.c
    card/tool/registry_list.c
    card/tool/show.c
    card/tool/system_conf.c
    card/tool/test.c
    card/tool/test_attempt.c
    card/tool/test_card.c
    card/tool/test_key.c
    card/tool/test_pin.c
    card/tool/test_tls.c
    card/tool/tool.c
    card/tool/trace.c
    card/tool/verify.c
    card/tool/watch.c
    card/tool/write_file.c)
set_target_properties(tool PROPERTIES OUTPUT_NAME tessera
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
target_compile_definitions(tool PRIVATE TESSERA_VERSION="${PROJECT_VERSION}")
target_link_libraries(tool PRIVATE card-admin PkgConfig::JANSSON PkgConfig::SSL)
install(TARGETS tool RUNTIME DESTINATION bin COMPONENT tool)

# --- Samples ----------------------------------------------------------------
# What setup and activate write is what conf/ has, which is tried by the tests.
set(samples_c ${PROJECT_BINARY_DIR}/samples.c)
set(samples "#include \"card/tool/samples.h\"\n\n#include <stddef.h>\n\n")
string(APPEND samples "const struct sample samples[] = {\n")
foreach(name openssl.cnf curlrc nginx-proxy.conf nginx-server.conf
        apache-proxy.conf apache-server.conf stunnel.conf haproxy.cfg
        muttrc-smime gitconfig gitconfig-proxy pg_service.conf)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS conf/${name})
    file(READ conf/${name} text)
    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "\n" "\\n\"\n     \"" text "${text}")
    string(APPEND samples "    {\"${name}\",\n     \"${text}\"},\n")
endforeach()
file(CONFIGURE OUTPUT ${samples_c} @ONLY
    CONTENT "${samples}    {NULL, NULL},\n};\n")
target_sources(tool PRIVATE ${samples_c})

# --- Languages --------------------------------------------------------------
# `ninja po` brings catalogues up to the sources after texts changed;
# check.catalogue tells when that was forgotten.
set(PO ${CMAKE_CURRENT_LIST_DIR}/po)
set(LANGUAGES fr)
find_program(GETTEXT_MSGATTRIB_EXECUTABLE msgattrib REQUIRED)
add_custom_target(po COMMAND ${PO}/extract.sh ${PO}/tessera.pot VERBATIM)
foreach(language ${LANGUAGES})
    set(catalogue share/locale/${language}/LC_MESSAGES/tessera.mo)
    add_custom_command(OUTPUT ${catalogue}
        COMMAND ${CMAKE_COMMAND} -E make_directory
            share/locale/${language}/LC_MESSAGES
        COMMAND ${GETTEXT_MSGFMT_EXECUTABLE} --check -o ${catalogue}
            ${PO}/${language}.po
        DEPENDS ${PO}/${language}.po VERBATIM)
    list(APPEND CATALOGUES ${catalogue})
    install(FILES ${PROJECT_BINARY_DIR}/${catalogue}
        DESTINATION share/locale/${language}/LC_MESSAGES COMPONENT tool)
    add_custom_command(TARGET po
        COMMAND ${GETTEXT_MSGMERGE_EXECUTABLE} --update --backup=none
            --no-fuzzy-matching --add-location=file --quiet
            ${PO}/${language}.po ${PO}/tessera.pot
        COMMAND ${GETTEXT_MSGATTRIB_EXECUTABLE} --no-obsolete
            -o ${PO}/${language}.po ${PO}/${language}.po VERBATIM)
endforeach()
add_custom_target(catalogues ALL DEPENDS ${CATALOGUES})

# --- Manual pages and completion --------------------------------------------
install(FILES card/tool/tessera.1
    DESTINATION share/man/man1 COMPONENT tool)
install(FILES card/tool/tessera.fr.1 RENAME tessera.1
    DESTINATION share/man/fr/man1 COMPONENT tool)
install(FILES card/tool/completion.bash RENAME tessera
    DESTINATION share/bash-completion/completions COMPONENT tool)
