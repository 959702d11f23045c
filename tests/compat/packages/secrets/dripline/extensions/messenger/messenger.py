import logging

from dripline.core import AlertConsumer

logger = logging.getLogger(__name__)


class Messenger(AlertConsumer):
    '''Passes status messages on to people; here it only keeps them.'''

    def __init__(self, alert_key_parser_re=r'status_message\.(?P<who>\w+)\.(?P<severity>\w+)', **kwargs):
        AlertConsumer.__init__(self, alert_key_parser_re=alert_key_parser_re, **kwargs)
        # the secret is wanted before the service runs
        self._token = self.auth.get('messenger', 'token')
        self.sent = []

    def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
        text = a_payload['message'].as_string() if a_payload.is_node() else a_payload.as_value().as_string()
        self.sent.append([a_routing_key_data['who'], a_routing_key_data['severity'], text])

    def signature(self):
        known = self.auth.has('messenger') and not self.auth.has('messenger', 'nothing-like-it')
        return [self._token[-4:], self.auth.get('messenger', 'channel'), known]
