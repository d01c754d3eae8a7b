"""Addresses of the pages. None holds an identifier: batches and studies go by random ids."""

from django.urls import include, path

from studies.web import (
    batches,
    deciding,
    desk,
    destinations,
    devices,
    filling,
    finding,
    held,
    home,
    sampling,
    setup,
    sources,
    tokens,
    uploads,
)

REVIEW = "review/<uuid:check_id>/"
review_desk = [
    path("review/", desk.queue, name="review"),
    path(REVIEW, desk.image, name="review_image"),
    path(f"{REVIEW}state/", desk.state, name="review_state"),
    path(f"{REVIEW}header/", desk.header, name="review_header"),
    path(f"{REVIEW}decide/", desk.decide, name="review_decide"),
    path(f"{REVIEW}exclude/", desk.exclude, name="review_exclude"),
    path(f"{REVIEW}before/<int:number>.png", desk.frame, {"side": "before"}, name="review_before"),
    path(f"{REVIEW}after/<int:number>.png", desk.frame, {"side": "after"}, name="review_after"),
    path("batches/<uuid:batch_id>/sample/", sampling.draw, name="sample_draw"),
    path("samples/<uuid:sample_id>/", sampling.sample, name="sample"),
    path("samples/<uuid:sample_id>/judge/", sampling.judge, name="sample_judge"),
    path("device-templates/", devices.template_list, name="device_templates"),
    path(
        "device-templates/<uuid:template_id>/remove/",
        devices.template_remove,
        name="device_template_remove",
    ),
]

urlpatterns = [
    # Machines call far more often than people: they are looked for first.
    path("api/", include("studies.api.urls")),
    *review_desk,
    path("", home.home, name="home"),
    path("in-flight/", home.in_flight, name="in_flight"),
    path("switch/", home.switch, name="switch"),
    path("find/", home.find, name="find"),
    # batches
    path("batches/", batches.batch_list, name="batches"),
    path("batches/new/", batches.batch_new, name="batch_new"),
    path("batches/<uuid:batch_id>/", batches.batch_detail, name="batch"),
    path("batches/<uuid:batch_id>/progress/", batches.batch_progress, name="batch_progress"),
    path("batches/<uuid:batch_id>/pick/", filling.batch_pick, name="batch_pick"),
    path("batches/<uuid:batch_id>/select/", filling.batch_select, name="batch_select"),
    path("batches/<uuid:batch_id>/submit/", filling.batch_submit, name="batch_submit"),
    path("batches/<uuid:batch_id>/release/", deciding.batch_release, name="batch_release"),
    path("batches/<uuid:batch_id>/again/", deciding.batch_deliver_again, name="batch_again"),
    path("batches/<uuid:batch_id>/cancel/", deciding.batch_cancel, name="batch_cancel"),
    path(
        "batches/<uuid:batch_id>/manifest.json",
        deciding.batch_manifest,
        {"part": "body"},
        name="manifest",
    ),
    path(
        "batches/<uuid:batch_id>/manifest.json.sig",
        deciding.batch_manifest,
        {"part": "sig"},
        name="manifest_signature",
    ),
    path("batches/<uuid:batch_id>/names/", held.batch_names, name="batch_names"),
    path(
        "batches/<uuid:batch_id>/held/<slug:code>/exclude/", held.held_exclude, name="held_exclude"
    ),
    path("batches/<uuid:batch_id>/held/<slug:code>/retry/", held.held_retry, name="held_retry"),
    path("batches/<uuid:batch_id>/keep-first/", held.held_keep_first, name="held_keep_first"),
    path("batches/<uuid:batch_id>/restore/", held.excluded_restore, name="excluded_restore"),
    path("studies/<uuid:study_id>/patient/", held.study_patient, name="study_patient"),
    # upload
    path(
        "batches/<uuid:batch_id>/upload/announce/", uploads.upload_announce, name="upload_announce"
    ),
    path("batches/<uuid:batch_id>/upload/parts/", uploads.upload_parts, name="upload_parts"),
    path("batches/<uuid:batch_id>/upload/status/", uploads.upload_status, name="upload_status"),
    path("batches/<uuid:batch_id>/upload/form/", uploads.upload_form, name="upload_form"),
    # set-up
    path("destinations/", destinations.destination_list, name="destinations"),
    path("destinations/new/", destinations.destination_edit, name="destination_new"),
    path("destinations/<uuid:destination_id>/", destinations.destination_edit, name="destination"),
    path(
        "destinations/<uuid:destination_id>/test/",
        destinations.destination_test,
        name="destination_test",
    ),
    path(
        "destinations/<uuid:destination_id>/pause/",
        destinations.destination_pause,
        name="destination_pause",
    ),
    path("sources/", sources.source_list, name="sources"),
    path("sources/new/", sources.source_edit, name="source_new"),
    path("sources/<uuid:source_id>/", sources.source_edit, name="source"),
    path("sources/<uuid:source_id>/test/", sources.source_test, name="source_test"),
    path("listeners/new/", sources.rule_edit, name="rule_new"),
    path("listeners/<uuid:rule_id>/", sources.rule_edit, name="rule"),
    path("batches/<uuid:batch_id>/find/", finding.batch_find, name="batch_find"),
    path("batches/<uuid:batch_id>/find/series/", finding.batch_series, name="batch_series"),
    path("batches/<uuid:batch_id>/find/take/", finding.batch_take, name="batch_take"),
    path(
        "batches/<uuid:batch_id>/fetch-again/", finding.batch_fetch_again, name="batch_fetch_again"
    ),
    path("profiles/", setup.profile_list, name="profiles"),
    path("profiles/new/", setup.profile_new, name="profile_new"),
    path("profiles/<uuid:version_id>/", setup.profile_detail, name="profile"),
    path("organization/", setup.organization, name="organization"),
    path("organization/members/", setup.member_add, name="member_add"),
    path(
        "organization/members/<int:membership_id>/remove/",
        setup.member_remove,
        name="member_remove",
    ),
    # machines
    path("tokens/", tokens.token_list, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", tokens.token_revoke, name="token_revoke"),
    # the way back
    path("", include("studies.door_urls")),
]
