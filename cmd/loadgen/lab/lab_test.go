package lab

import (
	"strings"
	"testing"
)

func TestNginxConf(t *testing.T) {
	var conf strings.Builder
	err := nginxTemplate.Execute(&conf, map[string]string{"Dir": "/tmp/d", "Listen": "127.0.0.1:1", "Upstream": "127.0.0.1:2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"listen 127.0.0.1:1 ", "proxy_pass http://127.0.0.1:2;", "pid /tmp/d/nginx.pid;", "worker_processes 1;"} {
		if !strings.Contains(conf.String(), want) {
			t.Errorf("nginx.conf lacks %q", want)
		}
	}
}
