"""A client as people wrote them for the API of 2019: submit, poll until `completed`, download.

    python client_2019.py HOST CALLER SAS_URL FOLDER [LIST_SAS_URL]

Only the host is today's. A test runs it as a program of its own; nothing of MegaBatch is imported.
"""

import os
import sys
import time
import urllib.request
from urllib.parse import urlsplit

import requests

host, caller, container_sas, folder = sys.argv[1:5]
base_url = host + "/v2/camera-trap/detection-batch"

body = {
    "caller": caller,
    "input_container_sas": container_sas,
    "request_name": "season_2",
    "model_version": requests.get(base_url + "/default_model_version").text,
}
if len(sys.argv) > 5:
    body["images_requested_json_sas"] = sys.argv[5]

response = requests.post(base_url + "/request_detections", json=body)
if response.status_code != 200:
    sys.exit(f"{response.status_code}: {response.json()['error']}")
request_id = response.json()["request_id"]
assert request_id.isdigit()

while True:
    status = requests.get(base_url + "/task/" + request_id).json()["status"]
    if status != "queued":
        if status["request_status"] == "completed":
            break
        if status["request_status"] in ("failed", "problem"):
            sys.exit(f"{status['request_status']}: {status['message']}")
        assert status["request_status"] == "running"
    time.sleep(0.5)

message = status["message"]
assert message["num_failed_shards"] == 0
for name in ("detections", "failed_images", "images"):
    url = message["output_file_urls"][name]
    file_name = os.path.basename(urlsplit(url).path)
    assert file_name.startswith(f"{request_id}_{name}")
    urllib.request.urlretrieve(url, os.path.join(folder, name + ".json"))
