"""Addresses of the way back: worklist, reports, the door and what surrounds it."""

from django.urls import path

from studies.web import (
    bulk,
    door_alerts,
    links,
    reidentify,
    report_pages,
    sending_pages,
    targets,
    worklist,
)

urlpatterns = [
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/<uuid:study_id>/", worklist.worklist_study, name="worklist_study"),
    path("re-identify/", reidentify.door, name="reidentify"),
    path("re-identify/several/", bulk.several, name="bulk_ask"),
    path("re-identify/several/<uuid:bulk_id>/", bulk.one, name="bulk"),
    path("re-identify/alerts/", door_alerts.door_alerts, name="door_alerts"),
    path("re-identify/alerts/seen/", door_alerts.door_alert_seen, name="door_alert_seen"),
    path("reports/bring/", report_pages.report_bring, name="report_bring"),
    path("reports/<uuid:report_id>/", reidentify.report_door, name="report"),
    path("reports/<uuid:report_id>/about/", report_pages.report_page, name="report_page"),
    path("reports/<uuid:report_id>/read/", report_pages.report_read, name="report_read"),
    path("reports/<uuid:report_id>/settle/", report_pages.report_settle, name="report_settle"),
    path(
        "reports/<uuid:report_id>/download/", report_pages.report_download, name="report_download"
    ),
    path("reports/<uuid:report_id>/link/", links.link_new, name="link_new"),
    path("links/<uuid:link_id>/", links.report_link, name="report_link"),
    path("links/<uuid:link_id>/revoke/", links.link_revoke, name="link_revoke"),
    path("reports/<uuid:report_id>/send/", sending_pages.report_send, name="report_send"),
    path("sendings/<uuid:sending_id>/", sending_pages.sending_answer, name="sending_answer"),
    # the hospital's own systems
    path("report-systems/", targets.target_list, name="targets"),
    path("report-systems/new/", targets.target_edit, name="target_new"),
    path("report-systems/<uuid:target_id>/", targets.target_edit, name="target"),
    path("report-systems/<uuid:target_id>/test/", targets.target_test, name="target_test"),
    path("report-systems/<uuid:target_id>/pause/", targets.target_pause, name="target_pause"),
]
