SELECT source_ip, destination_ip, destination_port FROM network
 WHERE event_category IN ('network', 'network_traffic') AND net_transport = 'tcp' AND (destination_port IN (1080, 3128, 8080) OR dataset = 'zeek.socks')
 AND source_ip IN ('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16') AND NOT destination_ip IN ('10.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '224.0.0.0/4', '::1', 'FE80::/10', 'FF00::/8')
