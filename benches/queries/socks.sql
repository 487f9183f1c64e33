SELECT event_uuid, source_ip, destination_ip FROM networks
 WHERE data_stream_dataset = 'fortinet_fortigate.log' AND event_action = 'signature' AND network_application IN ('SOCKS4', 'SOCKS5')
 AND event_module = 'endpoint' AND event_action IN ('disconnect_received', 'connection_attempted')
 ORDER BY source_port, source_ip
